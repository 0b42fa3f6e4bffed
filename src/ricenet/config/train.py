"""Settings of the steps in ``train.smk``."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, FiniteFloat, PositiveFloat, PositiveInt, model_validator

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
    stem_kernel: Literal[3, 5, 7] | None = Field(
        description="edge of the first convolution, voxels; null: the network's own"
    )
    norm: Literal["batch", "instance"] = Field(description="of each sample alone: instance")
    pooling: Literal["mean", "generalised_mean", "top_k"] | None = Field(
        description="of the last maps; null: the network's own"
    )
    dropout: Annotated[float, Field(ge=0, lt=1)] = Field(description="before the last layer")
    thresholds: list[FiniteFloat] = Field(
        description="of intensity, from which on further input channels are bright"
    )

    @model_validator(mode="after")
    def _require_different_thresholds(self) -> Self:
        if len(set(self.thresholds)) < len(self.thresholds):
            raise ValueError(f"a threshold stands twice in {self.thresholds}; remove one")
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
    averaged_weights: Annotated[float, Field(ge=0, lt=1)] = Field(
        description="share of the average that a step keeps; 0: the last step's weights count"
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

    @model_validator(mode="after")
    def _require_norms_with_statistics(self) -> Self:
        if self.model.norm == "instance" and self.norm_statistics == "recomputed":
            raise ValueError(
                "norm_statistics recomputed is of batch norms, and model.norm is instance; "
                "set norm_statistics to running"
            )
        return self
