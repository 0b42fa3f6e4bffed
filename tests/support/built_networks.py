"""Networks for tests, of settings that leave out what came later."""

from __future__ import annotations

from typing import Any

from torch import nn

from ricenet.config import introduced
from ricenet.config.train import Model
from ricenet.networks import build


def model_of(network: str = "resnet18", **options: Any) -> Model:
    """Return the settings of a network; options that are not named are as before they came."""
    values = {"network": network, "stem_stride": 1, "width": 1.0, **options}
    section = {"model": values, "augmentation": {}}
    return Model.model_validate(introduced.fill_in("train_model", section)["model"])


def built(in_channels: int, **options: Any) -> nn.Module:
    """Return a network with random weights."""
    return build.build(model_of(**options), in_channels)
