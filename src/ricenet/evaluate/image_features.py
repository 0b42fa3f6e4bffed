"""Features of brain, dose and outlines, simpler than what a network could use.

Arrays are (X, Y, Z) on one grid, doses in Gy, volumes in ml; names carry units.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ricenet.evaluate.record_features import NAN, Feature
from ricenet.image import radiomics
from ricenet.image.boxes import box_around

LEVELS_GY = (10, 20, 30, 40, 50, 60)
NEAR_MAXIMUM_ML = 0.03  # D0.03cc, the near-maximum of clinical protocols
ISODOSE = 0.95  # of the near-maximum
INSIDE = 0.5  # share from which a voxel belongs to an outline


def hottest_gy(dose_gy: NDArray, voxel_ml: float, *, volume_ml: float = NEAR_MAXIMUM_ML) -> float:
    """Return the minimum dose to the hottest ``volume_ml``, as in D0.03cc.

    At least one voxel; NaN where there are fewer voxels than that.
    """
    voxels = max(1, round(volume_ml / voxel_ml))
    if dose_gy.size < voxels:
        return NAN
    return float(np.partition(dose_gy.ravel(), dose_gy.size - voxels)[dose_gy.size - voxels])


def of_brain(brain: NDArray, spacing_mm: Sequence[float]) -> list[Feature]:
    """Return volume, size and asymmetry of a brain mask; the first axis runs from left to right."""
    voxel_ml = float(np.prod(spacing_mm)) / 1000
    box = [(s.stop - s.start) * mm for s, mm in zip(box_around(brain), spacing_mm, strict=True)]
    x = np.flatnonzero(brain.any(axis=(1, 2)))
    middle = (x[0] + x[-1]) / 2
    columns = brain.sum(axis=(1, 2))
    sides = [float(columns[np.arange(len(columns)) < middle].sum()),
             float(columns[np.arange(len(columns)) > middle].sum())]  # fmt: skip
    return [
        Feature("brain", "brain_ml", float(brain.sum()) * voxel_ml, "ml"),
        Feature("brain", "brain_asymmetry", (sides[1] - sides[0]) / max(1.0, sum(sides))),
        *(
            Feature("mask_only", f"box_{axis}_mm", float(length), "mm")
            for axis, length in zip("xyz", box, strict=True)
        ),
    ]


def of_dose(name: str, dose_gy: NDArray, brain: NDArray, voxel_ml: float) -> list[Feature]:
    """Return near-maximum and dose-volume figures in the brain."""
    inside = dose_gy[brain]
    return [
        Feature("dose_max", f"{name}_hottest_gy", hottest_gy(inside, voxel_ml), "Gy"),
        Feature("dose_volume", f"{name}_mean_gy", float(inside.mean()), "Gy"),
        *(
            Feature("dose_volume", f"{name}_v{gy}_ml", float((inside >= gy).sum()) * voxel_ml, "ml")
            for gy in LEVELS_GY
        ),
    ]


def of_outline(
    name: str, share: NDArray, brain: NDArray, spacing_mm: Sequence[float]
) -> list[Feature]:
    """Return size and position of an outline.

    Parameters
    ----------
    share : (X, Y, Z) float array
        Share of each voxel inside.
    """
    inside, voxel_ml = share >= INSIDE, float(np.prod(spacing_mm)) / 1000
    parts = int(ndimage.label(inside, np.ones((3, 3, 3)))[1])
    centres = [np.array(ndimage.center_of_mass(m)) * spacing_mm for m in (share, brain)]
    return [
        Feature("lesion", f"{name}_ml", float(share.sum(dtype=np.float64)) * voxel_ml, "ml"),
        Feature("lesion", f"{name}_parts", float(parts)),
        Feature(
            "lesion", f"{name}_from_brain_centre_mm",
            float(np.linalg.norm(centres[0] - centres[1])), "mm",
        ),
    ]  # fmt: skip


def of_region(
    name: str, share: NDArray, images: Mapping[str, NDArray], spacing_mm: Sequence[float]
) -> list[Feature]:
    """Return shape and first-order features of an outline, as the IBSI defines them.

    Parameters
    ----------
    images : mapping of str to (X, Y, Z) array
        First-order features are of each; a dose in Gy, an MRI standardised in the brain.
    """
    found = [
        Feature("shape", f"{name}_{key}", value)
        for key, value in radiomics.shape(share, spacing_mm).items()
    ]
    for image, data in images.items():
        figures = radiomics.first_order(data[share >= INSIDE])
        found += [
            Feature("first_order", f"{image}_in_{name}_{key}", value)
            for key, value in figures.items()
        ]
    return found


def of_dose_in_outline(
    name: str, share: NDArray, dose: str, dose_gy: NDArray, spacing_mm: Sequence[float]
) -> list[Feature]:
    """Return the dose in an outline, and how far its centre lies within the 95 % isodose."""
    inside, words = share >= INSIDE, f"{dose}_in_{name}"
    values = dose_gy[inside]
    hottest = hottest_gy(dose_gy, float(np.prod(spacing_mm)) / 1000)
    isodose = dose_gy >= ISODOSE * hottest
    depth = NAN
    if inside.any() and isodose.any() and hottest > 0:
        centre = tuple(np.rint(ndimage.center_of_mass(share)).astype(int))
        within, without = (
            ndimage.distance_transform_edt(m, sampling=spacing_mm)[centre]
            for m in (isodose, ~isodose)
        )
        depth = float(within - without)
    some = values if values.size else np.array([NAN])
    figures = {"minimum": some.min(), "mean": some.mean(), "maximum": some.max()}
    found = [
        Feature(
            "dose_in_lesion", f"{words}_{key}_gy",
            float(value), "Gy",
        )
        for key, value in figures.items()
    ]  # fmt: skip
    return [*found, Feature("dose_in_lesion", f"{words}_depth_in_isodose_mm", depth, "mm")]
