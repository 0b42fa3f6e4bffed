"""What must hold of the files of a subject whatever made them, recomputed from their voxels.

Each function takes one record and the volumes it names, and returns findings with the names that
the steps' own checks have where they mean the same. Nothing here is taken from a step's code.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ricenet.audit.finding import (
    AFFINE_TOLERANCE_MM,
    Arrays,
    Finding,
    Volumes,
    background,
    finding,
    same_grid,
    short,
)
from ricenet.audit.records import Record
from ricenet.image.volume import Volume

VOLUME_TOLERANCE = 0.02  # of a mask that is interpolated
STATISTICS_TOLERANCE = 1e-3  # of mean and deviation in the brain
ROUNDING_TOLERANCE = 1.01  # the scaling before the rounding is in single precision


def of_resample(record: Record, load: Volumes) -> list[Finding]:
    """Check the spacing of an isotropic image: exactly as in the settings."""
    (file,) = record.named("outputs", "out")
    wanted = record.content["settings"]["spacing_mm"]
    error = max(abs(s - wanted) for s in load(file).spacing_mm)
    return [
        finding(record, file, [], "spacing-error", error, at_most=1e-5 * max(wanted, 1), unit="mm")
    ]


def of_mask(record: Record, load: Volumes) -> list[Finding]:
    """Check a brain mask: zeros and ones, on the grid of its image."""
    (file,), (other,) = record.named("outputs", "out"), record.named("inputs", "grid")
    mask = load(file)
    strange = int(np.count_nonzero((mask.data != 0) & (mask.data != 1)))
    return [
        finding(record, file, [], "binary", strange, at_most=0, unit="voxels"),
        same_grid(record, file, mask, other, load(other)),
    ]


def of_align(record: Record, load: Volumes) -> list[Finding]:
    """Check the position of a registered channel: on the reference grid."""
    (file,), (grid,) = record.named("outputs", "out"), record.named("inputs", "grid")
    return [same_grid(record, file, load(file), grid, load(grid))]


def of_align_mask(record: Record, load: Volumes) -> list[Finding]:
    """Check a registered mask: on the reference grid, shares of voxels, its volume kept.

    Where the reference cuts it off, which the step's own check says, the volume cannot be kept.
    """
    (file,), (source,) = record.named("outputs", "out"), record.named("inputs", "image")
    moved, native = load(file), load(source)
    ratio = (moved.data.sum(dtype=np.float64) * moved.voxel_ml) / (
        native.data.sum(dtype=np.float64) * native.voxel_ml
    )
    findings = [
        *of_align(record, load),
        finding(record, file, [], "mask-minimum", moved.data.min(), at_least=0),
        finding(record, file, [], "mask-maximum", moved.data.max(), at_most=1),
    ]
    passed = {c["check"] for c in record.content["checks"] if c["verdict"] == "pass"}
    if "mask-volume-kept" in passed:
        low, high = 1 - VOLUME_TOLERANCE, 1 + VOLUME_TOLERANCE
        findings.append(
            finding(record, file, [source], "mask-volume-kept", ratio, at_least=low, at_most=high)
        )
    return findings


def of_zscore(record: Record, load: Volumes) -> list[Finding]:
    """Check a standardised MRI: mean 0 and deviation 1 in the brain, 0 outside."""
    (file,), (other,) = record.named("outputs", "out"), record.named("inputs", "mask")
    image, mask = load(file), load(other)
    brain, limit = mask.data > 0, STATISTICS_TOLERANCE
    inside = image.data[brain].astype(np.float64)
    mean, deviation = float(inside.mean()), float(inside.std())
    return [
        same_grid(record, file, image, other, mask),
        finding(record, file, [other], "mean-in-brain", abs(mean), at_most=limit),
        finding(record, file, [other], "deviation-in-brain", abs(deviation - 1), at_most=limit),
        background(record, file, image.data, other, brain),
    ]


NORMALISED = {"zscore": of_zscore}  # by the step


def of_crop(record: Record, load: Volumes) -> list[Finding]:
    """Check cropped channels: one grid, whole voxels from their sources, no brain lost."""
    (box,), (whole,) = record.named("outputs", "cropped-mask"), record.named("inputs", "mask")
    mask, source_mask = load(box), load(whole)
    kept, had = (int(np.count_nonzero(v.data)) for v in (mask, source_mask))
    findings = [
        finding(record, box, [whole], "brain-voxels-lost", had - kept, at_most=0, unit="voxels"),
        _box_offset(record, box, mask, whole, source_mask),
    ]
    pairs = zip(record.named("inputs", "images"), record.named("outputs", "cropped"), strict=True)
    for source, file in pairs:
        image, uncropped = load(file), load(source)
        findings.append(same_grid(record, file, image, box, mask))
        outside = np.count_nonzero(uncropped.data[source_mask.data == 0])
        if not outside and image.data.shape == mask.data.shape:
            findings.append(background(record, file, image.data, box, mask.data > 0))
    return findings


def _box_offset(record: Record, file: str, mask: Volume, whole: str, source: Volume) -> Finding:
    """Return how far the box's corner is from a whole voxel of its source, axes included, mm."""
    offset = np.linalg.inv(source.affine) @ mask.affine
    nearest = np.eye(4)
    nearest[:3, 3] = np.rint(offset[:3, 3])
    apart = float(np.abs(source.affine @ (offset - nearest)).max())
    return finding(
        record, file, [whole], "whole-voxels", apart, at_most=AFFINE_TOLERANCE_MM, unit="mm"
    )


def of_cache(record: Record, load: Volumes, load_array: Arrays) -> list[Finding]:
    """Compare a cache with its cropped volumes, scaled, to within the rounding of float16."""
    (file,), (box,) = record.named("outputs", "out"), record.named("inputs", "mask")
    cache, brain = load_array(file), load(box).data > 0
    facts, settings = record.content["facts"], record.content["settings"]
    findings = []
    sources = record.named("inputs", "images")
    for channel_index, (source, kind) in enumerate(zip(sources, facts["kinds"], strict=True)):
        wanted = load(source).data.astype(np.float64)
        if kind == "dose":
            wanted = scaled_dose(wanted, brain, settings)
        name, limit = f"equals {short(source)}", ROUNDING_TOLERANCE
        apart = halves_apart(np.asarray(cache[channel_index]), wanted)
        findings.append(finding(record, file, [source, box], name, apart, at_most=limit))
    return findings


def scaled_dose(dose_gy: NDArray, brain: NDArray, settings: Mapping[str, Any]) -> NDArray:
    """Return the dose as the network sees it; (X, Y, Z) arrays."""
    if settings["dose_scaling"] == "constant":
        return dose_gy / settings["dose_scale_gy"]
    inside = dose_gy[brain]
    return np.where(brain, (dose_gy - inside.mean()) / inside.std(), 0)


def halves_apart(stored: NDArray, wanted: NDArray) -> float:
    """Return the largest difference in halves of the last place of the stored float16.

    1 is its rounding.

    Parameters
    ----------
    stored : (X, Y, Z) float16 array
    wanted : (X, Y, Z) float array
        Infinite where the shapes differ.
    """
    if stored.shape != wanted.shape:
        return float("inf")
    half = np.spacing(np.abs(stored)).astype(np.float64) / 2
    return float((np.abs(stored.astype(np.float64) - wanted) / half).max())
