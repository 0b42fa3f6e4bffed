"""Settings of the steps in ``explain.smk``."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, PositiveFloat, PositiveInt

from ricenet.config.section import Device, Section


class OcclusionMap(Section):
    """Which maps are made, and how finely."""

    ablations: Literal["all"] | list[str] = Field(
        description="names of input combinations; empty = none"
    )
    cube_mm: PositiveFloat
    stride_mm: PositiveFloat
    mri_fill: float = Field(description="value in a hidden cube, as the network sees it")
    dose_fill: float | Literal["mean"] = Field(description="the same; mean: of what is hidden")
    batch_size: PositiveInt
    precision: Literal["fp32", "tf32", "bf16"]
    device: Device


class OcclusionCubes(Section):
    """What the statistics of maps are computed from: each model's answer to each hidden cube."""

    cube_mm: PositiveFloat
    stride_mm: PositiveFloat
    dose_fill: Literal["exchange", "mean"] = Field(
        description="what a hidden cube shows of a dose: another patient's, or the local mean"
    )
    calibration_subjects: PositiveInt = Field(
        description="training subjects that set the batch norms of untrained networks"
    )
    batch_size: PositiveInt
    seed: int
    device: Device


class OcclusionStatistics(Section):
    """What maps can show, beside networks that learned nothing."""

    draws: PositiveInt = Field(description="exchanges of patients, and places of a map, at random")
    confidence: Annotated[float, Field(gt=0, lt=1)]
    seed: int


class OcclusionNative(Section):
    """The occlusion map in the voxels of the native reference image."""


class DoseCounterfactual(Section):
    """Predictions of the ensemble under other doses."""

    device: Device


class OcclusionSummary(Section):
    """Where the importance lies, against maps that were shifted at random."""

    shifts: PositiveInt = Field(description="randomly shifted maps of the null")
    bootstrap_samples: PositiveInt = Field(description="resamples of the test subjects")
    confidence: Annotated[float, Field(gt=0, lt=1)]
    seed: int


class OcclusionPicture(Section):
    """The picture of an occlusion map."""
