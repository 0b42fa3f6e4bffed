"""The 3D ResNet18 of MONAI, with the published paper's 7x7x7 stem.

He et al., arXiv 1512.03385; in 3D Hara et al., arXiv 1711.09577. Its form that saves memory is
exact: :mod:`ricenet.networks.resnet_stem`. Loads torch only where a network is built.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING, Any

from ricenet.config.train import Model
from ricenet.networks.memory_plan import MANY, Need, fixed

if TYPE_CHECKING:
    from torch import nn

SAVING = "small_stem"
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

    from ricenet.networks.inputs import of_volumes

    return of_volumes(
        resnet18(
            spatial_dims=3,
            n_input_channels=in_channels,
            num_classes=2,
            conv1_t_size=7,
            conv1_t_stride=model.stem_stride,
            feed_forward=True,
            shortcut_type="B",
            widen_factor=model.width,
        )
    )


def saving(network: Any, *, folded: bool, gather: str) -> nn.Module:
    """Return the network with its first layers rewritten."""
    from ricenet.networks.resnet_stem import WithStem

    return WithStem(network, folded=folded, gather=gather)


def need(model: Model, shape: Sequence[int], in_channels: int, *, bf16: bool, saving: bool) -> Need:
    """Count what a training takes, see :class:`ricenet.networks.build.Family`."""
    size = 2 if bf16 else 4
    full, *after = sizes(shape, stem_stride=model.stem_stride)
    maps = [int(c * model.width) for c in STAGES]
    volume, pooled = in_channels * prod(shape), maps[0] * after[0]
    # a block keeps four maps, each input of a convolution or of a norm; shortcuts keep one
    body = sum((8 + (i > 0)) * c * n for i, (c, n) in enumerate(zip(maps, after, strict=True)))
    large = maps[0] * full
    passing = 8 * volume  # float32 batch before and after augmentation
    if saving:
        kept = size * (volume + 2 * pooled + body)
        passing += 3 * 4 * pooled  # float32 of pooled size
        # map, its gradient, places of the maxima, folded volume
        stem, together = size * (2 * large + 7 * volume * bf16) + 8 * pooled, stem_samples(large)
    else:
        # map, its normalised copy, places of the maxima; then two gradients of the map
        kept = size * (volume + 2 * large + pooled + body) + 8 * pooled
        stem, together = size * 2 * large, MANY
    weights = parameters(in_channels, width=model.width)
    return Need(kept, passing, stem, together, fixed(weights, bf16=bf16))


def sizes(shape: Sequence[int], *, stem_stride: int) -> list[int]:
    """Return voxel counts of the stem's map, layer1 (after the max-pool), layer2, 3 and 4."""
    edges = [list(shape)]
    for stride in (stem_stride, 2, 2, 2, 2):
        edges.append([-(-n // stride) for n in edges[-1]])
    return [prod(e) for e in edges[1:]]


def parameters(in_channels: int, *, width: float) -> int:
    """Count the weights of the network."""
    stem, *_, last = maps = [int(c * width) for c in STAGES]
    total = stem * in_channels * 343 + 2 * stem + 2 * last + 2
    before = stem
    for stage, c in enumerate(maps):
        total += 27 * c * (before + 3 * c) + 8 * c
        total += (before * c + 3 * c) if stage else 0  # shortcut of 1x1x1 with bias, its norm
        before = c
    return total


def stem_samples(elements: int) -> int:
    """Return how many samples the small stem computes together, given the elements of one map."""
    return max(1, LARGEST_MAP // max(1, elements))
