"""From the slices of one series to a volume, or to a refusal that states where they lie.

Volumes are ``(X, Y, Z)``: columns, rows, planes in order of position; affines map to RAS+ mm.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np
from numpy.typing import NDArray

from ricenet.dicom.planes import MAX_VOXELS, matrix, pixels, plane_affine, plane_axes
from ricenet.dicom.repeats import require_one_image_a_place
from ricenet.dicom.slices import Slice
from ricenet.image.volume import Volume

ORIENTATION_TOLERANCE = 1e-3  # of direction cosines: 0.06 degrees
GAP_TOLERANCE = 0.03  # of the slice distance; positions are often rounded to 0.01 mm
TILT_TOLERANCE = 0.005  # sine of the angle between step and normal: 0.3 degrees


def stack(planes: Sequence[Slice], *, min_slices: int) -> Volume:
    """Return the volume of the planes of one series.

    Parameters
    ----------
    planes : sequence of Slice
        In any order.
    min_slices : int
        Fewer are refused.

    Returns
    -------
    Volume
        float32, rescaled.

    Raises
    ------
    ValueError
        The planes do not form an even, straight, complete stack.
    """
    _require_same_plane(planes)
    if len(planes) < max(min_slices, 2):
        raise ValueError(
            f"{len(planes)} slices, at least {max(min_slices, 2)} make a volume; give the series"
        )
    first = planes[0]
    if len(planes) * prod(matrix(first.file)) > MAX_VOXELS:
        raise ValueError(
            f"{len(planes)} planes of {matrix(first.file)} pixels are implausible; export the "
            f"series again"
        )
    normal = plane_axes(first.orientation, first.file.label)[2]
    ordered = sorted(planes, key=lambda s: float(s.position @ normal))
    positions = np.array([s.position for s in ordered])
    require_one_image_a_place(ordered, (positions - positions[0]) @ normal)
    step = even_step(positions, normal)
    origin = ordered[0].position
    affine = plane_affine(first.orientation, first.spacing, origin, step, first.file.label)
    return Volume(_rescaled(ordered), affine)


def _require_same_plane(planes: Sequence[Slice]) -> None:
    first = planes[0]
    size = matrix(first.file)
    for plane in planes[1:]:
        what = ""
        if matrix(plane.file) != size:
            what = f"matrix {matrix(plane.file)} and {size}"
        elif not np.allclose(plane.spacing, first.spacing, rtol=1e-4):
            what = f"pixel spacing {plane.spacing.tolist()} and {first.spacing.tolist()} mm"
        elif np.abs(plane.orientation - first.orientation).max() > ORIENTATION_TOLERANCE:
            angles = plane.orientation.round(3).tolist(), first.orientation.round(3).tolist()
            what = f"orientation {angles[0]} and {angles[1]}"
        if what:
            raise ValueError(
                f"{plane.file.label} and {first.file.label} differ: mixed {what}; they are not "
                f"one volume; separate them"
            )


def even_step(positions: NDArray, normal: NDArray) -> NDArray:
    """Return the way from each plane to the next.

    Parameters
    ----------
    positions : (N, 3) float array
        ImagePositionPatient in order along the normal, LPS, mm.
    normal : (3,) float array
        Unit normal of the planes.

    Returns
    -------
    (3,) float array
        Mean step, LPS, mm.

    Raises
    ------
    ValueError
        Positions repeated, missing, uneven, or not along the normal.
    """
    along = (positions - positions[0]) @ normal
    usual = float(np.median(np.diff(along)))
    _require_even(along, usual)
    step = (positions[-1] - positions[0]) / (len(positions) - 1)
    tilt = float(np.linalg.norm(step - (step @ normal) * normal) / np.linalg.norm(step))
    if tilt > TILT_TOLERANCE:
        raise ValueError(
            f"gantry tilt of {np.degrees(np.arcsin(tilt)):.2f} degrees: the slices are sheared "
            f"against each other; give a series without tilt, or one that was corrected"
        )
    _require_straight(positions, step, usual)
    return step


def _require_even(along: NDArray, usual: float) -> None:
    """Refuse repeated, missing or uneven positions; ``usual`` is the median distance, mm."""
    gaps = np.diff(along)
    seen = f"slices lie at {along.round(2).tolist()} mm"
    apart = gaps >= max(1e-3, 0.01 * usual)
    if not apart.all():
        raise ValueError(
            f"duplicate positions: {len(along)} images at {int(apart.sum()) + 1} places, several "
            f"echoes, phases or time points; {seen}; keep one of each"
        )
    uneven = np.abs(gaps - usual) > GAP_TOLERANCE * usual
    if uneven.any():
        at = int(np.argmax(np.abs(gaps - usual)))
        raise ValueError(
            f"missing slice or uneven distance: {gaps[at]:.3f} mm after slice {at + 1}, usually "
            f"{usual:.3f} mm; {seen}; complete the series"
        )


def _require_straight(positions: NDArray, step: NDArray, usual: float) -> None:
    """Refuse planes that deviate from the straight line that the affine assumes."""
    ideal = positions[0] + np.arange(len(positions))[:, None] * step
    away = float(np.linalg.norm(positions - ideal, axis=1).max())
    if away > max(0.05, 2 * GAP_TOLERANCE * usual):
        raise ValueError(
            f"the slices do not lie on a straight line: up to {away:.3f} mm beside it; export the "
            f"series again"
        )


def _rescaled(planes: Sequence[Slice]) -> NDArray:
    """Return the modality's rescaled values, (X, Y, Z) float32 (PS3.3 C.11.1.1.2).

    Each file is read once.
    """
    stored: dict[str, NDArray] = {}
    rows, columns = matrix(planes[0].file)
    data = np.empty((columns, rows, len(planes)), np.float32)
    for k, plane in enumerate(planes):
        if plane.file.label not in stored:
            stored = {plane.file.label: pixels(plane.file)}
        values = stored[plane.file.label][plane.frame]
        with np.errstate(over="ignore"):  # becomes infinite, and is refused as such
            data[:, :, k] = (values * plane.slope + plane.intercept).T
    return data
