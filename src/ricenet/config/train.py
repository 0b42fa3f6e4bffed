"""Settings of the steps in ``train.smk``."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from ricenet.config.section import Device, Fraction, Section


class Model(Section):
    """The network, one of those of ``networks/build.py``."""

    network: Literal["resnet18", "densenet121", "local"] = Field(
        description="MONAI's in 3D, or a small one that sees single findings"
    )
    stem_stride: Literal[1, 2] = Field(description="stride of the first convolution")
    width: PositiveFloat = Field(
        description="factor on the number of feature maps; 1 = as published"
    )
    thresholds: list[float] = Field(
        description="of intensity, from which on further input channels are bright; local only"
    )

    @model_validator(mode="after")
    def _require_a_network_with_thresholds(self) -> Self:
        if self.thresholds and self.network != "local":
            raise ValueError(f"thresholds are of the network local, not of {self.network}")
        return self


class Augmentation(Section):
    """Ranges from which each training sample's changes are drawn."""

    probability: Fraction = Field(description="of each transform, by itself")
    rotation_deg: Annotated[float, Field(ge=0, le=180)] = Field(description="+- about each axis")
    scaling: Annotated[float, Field(ge=0, lt=1)] = Field(description="+- of the size")
    elastic_mm: Annotated[float, Field(ge=0)] = Field(description="deviation of displacements, mm")
    elastic_spacing_mm: PositiveFloat = Field(description="distance of the control points, mm")
    noise: Annotated[float, Field(ge=0)] = Field(description="largest deviation of added noise")
    brightness: Annotated[float, Field(ge=0, lt=1)] = Field(description="+- of the factor")
    gamma: Annotated[float, Field(ge=0, lt=1)] = Field(description="+- of the exponent")
    mirror: Fraction = Field(description="probability that left and right are exchanged")


class TrainModel(Section):
    """Training of one model: one ablation, one fold."""

    seed: int
    epochs: PositiveInt
    batch_size: PositiveInt
    learning_rate: PositiveFloat
    schedule: Literal["constant", "cosine"] = Field(description="of the learning rate")
    warmup: Fraction = Field(description="share of the steps in which the rate rises from 0")
    optimizer: Literal["adam", "adamw"]
    weight_decay: Annotated[float, Field(ge=0)]
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = Field(
        description="share of a label's weight that both classes share"
    )
    precision: Literal["auto", "fp32", "bf16"] = Field(description="auto: bf16 on a GPU")
    validation_precision: Literal["fp32", "bf16"] = Field(
        description="of validation, and of all predictions by the model"
    )
    norm_statistics: Literal["running", "recomputed"] = Field(
        description="of the finished model's batch norms: as training left them, or over all "
        "training subjects"
    )
    device: Device
    memory_gb: PositiveFloat | None = Field(description="of the device; null: what it has free")
    deterministic: bool = Field(description="only kernels that give the same bits each time")
    checkpoint_epochs: PositiveInt = Field(description="epochs between two resume points")
    model: Model
    augmentation: Augmentation
