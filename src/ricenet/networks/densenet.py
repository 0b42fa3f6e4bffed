"""The 3D DenseNet121 of MONAI.

Huang et al., arXiv 1608.06993. As published its stem has a stride of 2. Its form that saves memory
computes each layer twice: :mod:`ricenet.networks.checkpointing`. Loads torch only where a network
is built.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

from ricenet.config.train import Model
from ricenet.networks import options
from ricenet.networks.memory_plan import Need, fixed

if TYPE_CHECKING:
    from torch import nn

SAVING = "checkpointed"
STEM_KERNEL, POOLING = 7, "mean"  # its own
BLOCKS = (6, 12, 24, 16)  # layers of each dense block
FEATURES, GROWTH, BOTTLENECK = 64, 32, 4  # maps of the stem; added by a layer; 4 * GROWTH between


def build(model: Model, in_channels: int) -> nn.Module:
    """Return a 3D DenseNet121 with random weights, see :func:`ricenet.networks.build.build`."""
    # shapes at 224^3, width 1, stem stride 2:
    #   conv0 7x7x7, norm, relu        (B,   64, 112, 112, 112)
    #   pool0 3x3x3 / 2                (B,   64,  56,  56,  56)
    #   denseblock1, 6 layers          (B,  256,  56,  56,  56)
    #   transition1 1x1x1, mean / 2    (B,  128,  28,  28,  28)
    #   denseblock2, 12 layers         (B,  512,  28,  28,  28)
    #   transition2                    (B,  256,  14,  14,  14)
    #   denseblock3, 24 layers         (B, 1024,  14,  14,  14)
    #   transition3                    (B,  512,   7,   7,   7)
    #   denseblock4, 16 layers, norm5  (B, 1024,   7,   7,   7)
    #   relu, global average pool      (B, 1024)
    #   out                            (B,    2)
    from monai.networks.nets.densenet import DenseNet

    from ricenet.networks import optional_layers
    from ricenet.networks.inputs import of_volumes

    network: Any = DenseNet(
        spatial_dims=3,
        in_channels=options.inputs(model, in_channels),
        out_channels=2,
        init_features=int(FEATURES * model.width),
        growth_rate=int(GROWTH * model.width),
        block_config=BLOCKS,
        bn_size=BOTTLENECK,
    )
    optional_layers.set_norms(network, model.norm)
    features, head = network.features, network.class_layers
    kernel = options.stem_kernel(model, own=STEM_KERNEL)
    if kernel != STEM_KERNEL:
        features.conv0 = _stem(features.conv0, kernel)
    features.conv0.stride = (model.stem_stride,) * 3  # MONAI's is 2, and no argument
    features.conv0 = optional_layers.entry(features.conv0, model.thresholds)
    if (how := options.pooling(model, own=POOLING)) != POOLING:
        head.pool = optional_layers.pool(how)
    head.out = optional_layers.before_last(head.out, model.dropout)
    return of_volumes(network)


def _stem(convolution: Any, kernel: int) -> nn.Module:
    """Return MONAI's first convolution with another kernel, its weights drawn as MONAI does."""
    from torch import nn

    found = nn.Conv3d(
        convolution.in_channels, convolution.out_channels, kernel, padding=kernel // 2, bias=False
    )
    nn.init.kaiming_normal_(found.weight)
    return found


def saving(network: Any, *, folded: bool, gather: str) -> nn.Module:
    """Return the network with each of its layers computed twice."""
    from torch import nn

    from ricenet.networks.checkpointing import Checkpointed

    features = network.features
    parts = [features[:4]]  # conv0, norm0, relu0, pool0
    for name, part in features[4:-1].named_children():
        parts += [*part] if name.startswith("denseblock") else [part]
    # together: the ReLU after the last norm works in place, which a part may not do to its input
    return Checkpointed(network, [*parts, nn.Sequential(features.norm5, network.class_layers)])


class Part(NamedTuple):
    """What training keeps of one part, numbers of elements per sample.

    Attributes
    ----------
    given : int
        Its input.
    inside : int
        All that it keeps besides.
    largest : int
        The largest of its maps.
    places : int
        Of maxima, 8 bytes each in any precision.
    bytes : int
        What the pooling keeps.
    """

    given: int
    inside: int
    largest: int
    places: int = 0
    bytes: int = 0


def need(model: Model, shape: Sequence[int], in_channels: int, *, bf16: bool, saving: bool) -> Need:
    """Count what a training takes, see :class:`ricenet.networks.build.Family`.

    Raises
    ------
    ValueError
        A volume so small that nothing is left of it after the last halving.
    """
    size, volume = 2 if bf16 else 4, in_channels * prod(shape)
    parts = list(chain(model, shape, in_channels, bf16=bf16))
    given = [size * part.given for part in parts]
    if saving:
        given[0] = 4 * volume  # the batch itself, float32
    inside = [size * part.inside + 8 * part.places + part.bytes for part in parts]
    kept = given if saving else [a + b for a, b in zip(given, inside, strict=True)]
    # the backward pass frees the last part first; a part that is computed again keeps its inside
    held = [n + saving * m for n, m in zip(accumulate(kept), inside, strict=True)]
    most = max(n + 2 * size * part.largest for n, part in zip(held, parts, strict=True))
    weights = parameters(model, in_channels)
    # float32 batch before and after augmentation, channels of thresholds
    passing = 8 * volume + 4 * (options.inputs(model, in_channels) * prod(shape) - volume)
    passing += max(0, most - sum(kept))
    return Need(sum(kept), passing, 0, 1, fixed(weights, bf16=bf16))


def chain(model: Model, shape: Sequence[int], in_channels: int, *, bf16: bool) -> Iterator[Part]:
    """Yield what each part keeps: stem, layers and transitions, the last norm with what follows."""
    edges = [-(-n // model.stem_stride) for n in shape]
    c, growth = int(FEATURES * model.width), int(GROWTH * model.width)
    full, edges = c * prod(edges), [-(-n // 2) for n in edges]
    # map, its normalised copy, places of the maxima
    yield Part(options.inputs(model, in_channels) * prod(shape), 2 * full, full, c * prod(edges))
    for block, layers in enumerate(BLOCKS):
        n = prod(edges)
        for _ in range(layers):  # norm, 1x1x1, norm, 3x3x3: each keeps its input
            wide = BOTTLENECK * growth
            yield Part(c * n, (c + 2 * wide) * n, max(c, wide) * n)
            c += growth
        if block < len(BLOCKS) - 1:  # norm, 1x1x1 to half the maps, mean of two voxels an axis
            yield Part(c * n, (c + c // 2) * n, c * n)
            c, edges = c // 2, [m // 2 for m in edges]
    if not prod(edges):
        least = 2 * model.stem_stride * 2 ** (len(BLOCKS) - 1)
        raise ValueError(
            f"densenet121 halves a volume of {' x '.join(map(str, shape))} voxels to nothing; set "
            f"crop.shape to at least {least} along each axis, for model.stem_stride "
            f"{model.stem_stride}"
        )
    options.require_spread(model, edges, shape)
    how = options.pooling(model, own=POOLING)
    yield Part(c * n, c * n, c * n, bytes=options.kept_by_pooling(how, c, n, bf16=bf16))


def parameters(model: Model, in_channels: int) -> int:
    """Count the weights of the network."""
    c, growth = int(FEATURES * model.width), int(GROWTH * model.width)
    wide = BOTTLENECK * growth
    taps = options.stem_kernel(model, own=STEM_KERNEL) ** 3
    total = taps * options.inputs(model, in_channels) * c + 2 * c
    for block, layers in enumerate(BLOCKS):
        for _ in range(layers):
            total += 2 * c + c * wide + 2 * wide + 27 * wide * growth
            c += growth
        if block < len(BLOCKS) - 1:
            total += 2 * c + c * (c // 2)
            c //= 2
    return total + 2 * c + 2 * c + 2
