"""Networks of the project, untrained, as the settings name them."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from ricenet.config.train import Model
from ricenet.networks import build


def built(
    in_channels: int,
    *,
    stem_stride: int,
    width: float,
    network: str = "resnet18",
    thresholds: Sequence[float] = (),
) -> nn.Module:
    """Return a network with random weights."""
    model = Model(
        network=network, stem_stride=stem_stride, width=width, thresholds=list(thresholds)
    )
    return build.build(model, in_channels)
