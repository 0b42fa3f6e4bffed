"""Settings of the steps in ``predict.smk``."""

from __future__ import annotations

from pydantic import Field, PositiveInt

from ricenet.config.section import Device, Section


class Predict(Section):
    """The ensemble's predictions for the test subjects."""

    batch_size: PositiveInt
    device: Device


class Arrival(Section):
    """Subjects without a label, predicted by the models of a finished cohort."""

    ablations: list[str] = Field(description="names of input combinations; empty = all channels")
    occlusion: bool = Field(description="make their occlusion maps, too")


class Vote(Section):
    """The ensemble's prediction for one such subject."""


class Predictions(Section):
    """The table of these predictions."""
