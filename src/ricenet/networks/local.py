"""A small network that sees findings one by one, for cohorts of tens of patients.

Three convolutions of 3 voxels see 7 voxels along each axis, 11 with a stem stride of 2: what they
find is pooled by a generalised mean (Radenovic et al., arXiv 1711.02512), so that a few bright
places are not averaged away by a head without any. About 11,000 weights at width 1.

z-scored MRI can come with further channels in which only what is brighter (darker) than a threshold
is left, so that no step of the training has to move a bias there. Loads torch only where a network
is built.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING, Any

from ricenet.config.train import Model
from ricenet.networks.memory_plan import MANY, Need, fixed

if TYPE_CHECKING:
    from torch import nn

SAVING = "checkpointed"
MAPS = (8, 16, 16)  # feature maps of the three blocks
GAIN = 4.0  # of a threshold's channel: a finding exceeds a threshold by a few tenths
EXPONENT = 3.0  # of the generalised mean
FLOOR = 1e-4  # under the root, whose slope at 0 is infinite


def build(model: Model, in_channels: int) -> nn.Module:
    """Return the network with random weights, see :func:`ricenet.networks.build.build`."""
    # shapes at 224^3, width 1, stem stride 1:
    #   thresholds                 (B, C (1 + T), 224, 224, 224)
    #   block1, conv 3x3x3         (B,  8, 224, 224, 224)
    #   block2, conv 3x3x3         (B, 16, 224, 224, 224)
    #   block3, conv 3x3x3 / 2     (B, 16, 112, 112, 112)
    #   generalised mean           (B, 16)
    #   fc                         (B,  2)
    from torch import nn

    from ricenet.networks.inputs import of_volumes
    from ricenet.networks.local_layers import GeneralisedMean, Thresholds

    first, second, third = maps(model)
    layers: dict[str, nn.Module] = {
        "thresholds": Thresholds(model.thresholds, gain=GAIN),
        "block1": _block(in_channels * (1 + len(model.thresholds)), first, model.stem_stride),
        "block2": _block(first, second, 1),
        "block3": _block(second, third, 2),
        "pool": GeneralisedMean(EXPONENT, floor=FLOOR),
        "fc": nn.Linear(third, 2),
    }
    network = nn.Sequential()
    for name, layer in layers.items():
        network.add_module(name, layer)
    return of_volumes(network)


def _block(channels: int, maps: int, stride: int) -> nn.Module:
    from torch import nn

    return nn.Sequential(
        nn.Conv3d(channels, maps, 3, stride=stride, padding=1, bias=False),
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
    inputs = volume * (1 + len(model.thresholds))
    edges = [-(-n // model.stem_stride) for n in shape]
    full, half = prod(edges), prod(-(-n // 2) for n in edges)
    first, second, third = maps(model)
    # a block keeps its convolution's map and its output; the pooling, in float32, its base
    blocks = [2 * size * first * full, 2 * size * second * full]
    blocks.append(2 * size * third * half + (8 if bf16 else 4) * third * half)
    passing = 8 * volume  # float32 batch before and after augmentation
    if saving:
        kept = 4 * volume + size * (first + second) * full  # the inputs of the three parts
        passing += max(size * inputs + blocks[0], *blocks[1:]) + 2 * size * second * full
    else:
        kept = size * inputs + sum(blocks)
        passing += 2 * size * second * full
    weights = parameters(model, in_channels)
    return Need(kept, passing, 0, MANY, fixed(weights, bf16=bf16))


def parameters(model: Model, in_channels: int) -> int:
    """Count the weights of the network."""
    before, total = in_channels * (1 + len(model.thresholds)), 0
    for n in maps(model):
        total += 27 * before * n + 2 * n
        before = n
    return total + 2 * before + 2
