"""A small network that sees findings one by one, for cohorts of tens of patients.

Three convolutions of 3 voxels see 7 voxels along each axis, 11 with a stem stride of 2: what they
find is pooled by a generalised mean (Radenovic et al., arXiv 1711.02512), so that a few bright
places are not averaged away by a head without any. About 11,000 weights at width 1. Thresholds of
intensity spare the training the way to them (``model.thresholds``).

Its form that saves memory computes each block twice: :mod:`ricenet.networks.checkpointing`. Loads
torch only where a network is built.
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

SAVING = "checkpointed"
STEM_KERNEL, POOLING = 3, "generalised_mean"  # its own
MAPS = (8, 16, 16)  # feature maps of the three blocks


def build(model: Model, in_channels: int) -> nn.Module:
    """Return the network with random weights, see :func:`ricenet.networks.build.build`."""
    # shapes at 224^3, width 1, stem stride 1, T thresholds:
    #   thresholds                 (B, C (1 + T), 224, 224, 224)
    #   block1, conv 3x3x3         (B,  8, 224, 224, 224)
    #   block2, conv 3x3x3         (B, 16, 224, 224, 224)
    #   block3, conv 3x3x3 / 2     (B, 16, 112, 112, 112)
    #   generalised mean           (B, 16)
    #   fc                         (B,  2)
    from torch import nn

    from ricenet.networks.inputs import of_volumes
    from ricenet.networks.optional_layers import Thresholds, before_last, pool, set_norms

    first, second, third = maps(model)
    kernel = options.stem_kernel(model, own=STEM_KERNEL)
    read = options.inputs(model, in_channels)
    layers: dict[str, nn.Module] = {
        "thresholds": Thresholds(model.thresholds),
        "block1": _block(read, first, kernel, model.stem_stride),
        "block2": _block(first, second, 3, 1),
        "block3": _block(second, third, 3, 2),
        "pool": pool(options.pooling(model, own=POOLING)),
        "fc": before_last(nn.Linear(third, 2), model.dropout),
    }
    network = nn.Sequential()
    for name, layer in layers.items():
        network.add_module(name, layer)
    set_norms(network, model.norm)
    return of_volumes(network)


def _block(channels: int, maps: int, kernel: int, stride: int) -> nn.Module:
    from torch import nn

    return nn.Sequential(
        nn.Conv3d(channels, maps, kernel, stride=stride, padding=kernel // 2, bias=False),
        nn.BatchNorm3d(maps),
        nn.ReLU(),
    )


def saving(network: Any, *, folded: bool, gather: str) -> nn.Module:
    """Return the network with each of its blocks computed twice."""
    from torch import nn

    from ricenet.networks.checkpointing import Checkpointed

    entry = nn.Sequential(network.thresholds, network.block1)
    exit_ = nn.Sequential(network.block3, network.pool, network.fc)
    return Checkpointed(network, [entry, network.block2, exit_])


def maps(model: Model) -> list[int]:
    """Return the feature maps of the three blocks."""
    return [max(1, int(n * model.width)) for n in MAPS]


def need(model: Model, shape: Sequence[int], in_channels: int, *, bf16: bool, saving: bool) -> Need:
    """Count what a training takes, see :class:`ricenet.networks.build.Family`."""
    size, volume = 2 if bf16 else 4, in_channels * prod(shape)
    read = options.inputs(model, in_channels) * prod(shape)
    edges = [-(-n // model.stem_stride) for n in shape]
    last = [-(-n // 2) for n in edges]
    options.require_spread(model, last, shape)
    full, half = prod(edges), prod(last)
    first, second, third = maps(model)
    how = options.pooling(model, own=POOLING)
    # a block keeps its convolution's map and its output
    blocks = [2 * size * first * full, 2 * size * second * full, 2 * size * third * half]
    blocks[-1] += options.kept_by_pooling(how, third, half, bf16=bf16)
    # float32 batch before and after augmentation, channels of thresholds, gradients of a map
    passing = 8 * volume + 4 * (read - volume) + 2 * size * second * full
    if saving:  # the inputs of the three parts; of these one at a time is computed again
        kept = 4 * volume + size * (first + second) * full
        passing += max(size * read + blocks[0], *blocks[1:])
    else:
        kept = size * read + sum(blocks)
    weights = parameters(model, in_channels)
    return Need(kept, passing, 0, MANY, fixed(weights, bf16=bf16))


def parameters(model: Model, in_channels: int) -> int:
    """Count the weights of the network."""
    before, total = options.inputs(model, in_channels), 0
    taps = options.stem_kernel(model, own=STEM_KERNEL) ** 3
    for n in maps(model):
        total += taps * before * n + 2 * n
        before, taps = n, 27
    return total + 2 * before + 2
