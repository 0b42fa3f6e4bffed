"""The 3D ResNet18 of MONAI, with the published paper's 7x7x7 stem.

He et al., arXiv 1512.03385; in 3D Hara et al., arXiv 1711.09577. Its form that saves memory is
exact: :mod:`ricenet.networks.resnet_stem`. Loads torch only where a network is built.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING, Any

from ricenet.config.train import Model
from ricenet.networks import options
from ricenet.networks.memory_plan import MANY, Need, fixed

if TYPE_CHECKING:
    from torch import nn

SAVING = "small_stem"
STEM_KERNEL, POOLING = 7, "mean"  # its own
STAGES = (64, 128, 256, 512)  # feature maps of layer1 to layer4
# Elements of the stem's map at a time: above 2^31 kernels get slow, below this they are no faster.
LARGEST_MAP = 2**27


def build(model: Model, in_channels: int) -> nn.Module:
    """Return a 3D ResNet18 with random weights, see :func:`ricenet.networks.build.build`."""
    # shapes at 224^3, width 1, stem stride 1:
    #   conv1 7x7x7, bn, relu     (B,  64, 224, 224, 224)
    #   maxpool 3x3x3 / 2         (B,  64, 112, 112, 112)
    #   layer1, two basic blocks  (B,  64, 112, 112, 112)
    #   layer2 / 2                (B, 128,  56,  56,  56)
    #   layer3 / 2                (B, 256,  28,  28,  28)
    #   layer4 / 2                (B, 512,  14,  14,  14)
    #   global average pool       (B, 512)
    #   fc                        (B,   2)
    from monai.networks.nets.resnet import resnet18

    from ricenet.networks import optional_layers
    from ricenet.networks.inputs import of_volumes

    network: Any = resnet18(
        spatial_dims=3,
        n_input_channels=options.inputs(model, in_channels),
        num_classes=2,
        conv1_t_size=options.stem_kernel(model, own=STEM_KERNEL),
        conv1_t_stride=model.stem_stride,
        feed_forward=True,
        shortcut_type="B",
        widen_factor=model.width,
    )
    optional_layers.set_norms(network, model.norm)
    network.conv1 = optional_layers.entry(network.conv1, model.thresholds)
    if (how := options.pooling(model, own=POOLING)) != POOLING:
        network.avgpool = optional_layers.pool(how)
    network.fc = optional_layers.before_last(network.fc, model.dropout)
    return of_volumes(network)


def saving(network: Any, *, folded: bool, gather: str) -> nn.Module:
    """Return the network with its first layers rewritten; with instance norms, in parts."""
    from torch import nn

    from ricenet.networks.checkpointing import Checkpointed
    from ricenet.networks.resnet_stem import WithStem

    if isinstance(network.bn1, nn.BatchNorm3d):
        return WithStem(network, folded=folded, gather=gather)
    n = network
    stem = nn.Sequential(n.conv1, n.bn1, n.act, n.maxpool)
    head = nn.Sequential(n.avgpool, nn.Flatten(1), n.fc)
    return Checkpointed(network, [stem, n.layer1, n.layer2, n.layer3, n.layer4, head])


def need(model: Model, shape: Sequence[int], in_channels: int, *, bf16: bool, saving: bool) -> Need:
    """Count what a training takes, see :class:`ricenet.networks.build.Family`."""
    size = 2 if bf16 else 4
    edges = extents(shape, stem_stride=model.stem_stride)
    full, *after = map(prod, edges)
    options.require_spread(model, edges[-1], shape)
    maps = [int(c * model.width) for c in STAGES]
    volume, pooled = in_channels * prod(shape), maps[0] * after[0]
    read = options.inputs(model, in_channels) * prod(shape)
    # a block keeps four maps, each input of a convolution or of a norm; shortcuts keep one
    body = sum((8 + (i > 0)) * c * n for i, (c, n) in enumerate(zip(maps, after, strict=True)))
    how = options.pooling(model, own=POOLING)
    head = options.kept_by_pooling(how, maps[-1], after[-1], bf16=bf16)
    large = maps[0] * full
    passing = 8 * volume + 4 * (read - volume)  # float32 batch before and after augmentation
    weights = fixed(parameters(model, in_channels), bf16=bf16)
    if saving and model.norm == "instance":  # inputs of the parts; the first is computed again
        given = zip([maps[0], *maps], [after[0], *after], strict=True)
        kept = 4 * volume + size * sum(c * n for c, n in given)
        return Need(kept, passing, size * (read + 4 * large) + 8 * pooled, MANY, weights)
    if saving:
        kept = size * (read + 2 * pooled + body) + head
        passing += 3 * 4 * pooled  # float32 of pooled size
        # map, its gradient, places of the maxima, folded volume
        folded = options.stem_kernel(model, own=STEM_KERNEL) * read * bf16
        stem, together = size * (2 * large + folded) + 8 * pooled, stem_samples(large)
    else:
        # map, its normalised copy, places of the maxima; then two gradients of the map
        kept = size * (read + 2 * large + pooled + body) + 8 * pooled + head
        stem, together = size * 2 * large, MANY
    return Need(kept, passing, stem, together, weights)


def extents(shape: Sequence[int], *, stem_stride: int) -> list[list[int]]:
    """Return extents of the stem's map, layer1 (after the max-pool), layer2, 3 and 4, voxels."""
    edges = [list(shape)]
    for stride in (stem_stride, 2, 2, 2, 2):
        edges.append([-(-n // stride) for n in edges[-1]])
    return edges[1:]


def parameters(model: Model, in_channels: int) -> int:
    """Count the weights of the network."""
    stem, *_, last = maps = [int(c * model.width) for c in STAGES]
    taps = options.stem_kernel(model, own=STEM_KERNEL) ** 3
    total = stem * options.inputs(model, in_channels) * taps + 2 * stem + 2 * last + 2
    before = stem
    for stage, c in enumerate(maps):
        total += 27 * c * (before + 3 * c) + 8 * c
        total += (before * c + 3 * c) if stage else 0  # shortcut of 1x1x1 with bias, its norm
        before = c
    return total


def stem_samples(elements: int) -> int:
    """Return how many samples the small stem computes together, given the elements of one map."""
    return max(1, LARGEST_MAP // max(1, elements))
