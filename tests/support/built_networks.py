"""Networks of the project, untrained, as the settings name them."""

from __future__ import annotations

from torch import nn

from ricenet.config.train import Model
from ricenet.networks import build


def built(
    in_channels: int, *, stem_stride: int, width: float, network: str = "resnet18"
) -> nn.Module:
    """Return a network with random weights."""
    return build.build(Model(network=network, stem_stride=stem_stride, width=width), in_channels)
