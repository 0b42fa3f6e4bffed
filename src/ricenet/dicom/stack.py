"""From the slices of one series to a volume, or to a refusal that states where they lie.

Volumes are ``(X, Y, Z)``: columns, rows, planes in order of position; affines map to RAS+ mm.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ricenet.dicom.constant_elements import require_constant
from ricenet.dicom.even_step import even_step
from ricenet.dicom.pixel_values import background
from ricenet.dicom.planes import (
    MAX_VOXELS,
    decimals,
    matrix,
    pixels_and_padding,
    plane_affine,
    plane_axes,
)
from ricenet.dicom.repeats import require_one_image_a_place
from ricenet.dicom.slices import Slice, modality
from ricenet.image.volume import Volume

ORIENTATION_TOLERANCE = 2e-3  # of direction cosines: twice what rounding to 3 decimals does
SPACING_TOLERANCE = 1e-3  # 0.9375 is written as 0.938


class Arranged(NamedTuple):
    """Planes in order of position, and the affine of their volume to RAS+ mm."""

    planes: list[Slice]
    affine: NDArray


def stack(planes: Sequence[Slice], *, min_slices: int) -> Volume:
    """Return the volume of the planes of one series: :func:`arrange`, then :func:`values`."""
    arranged = arrange(planes, min_slices=min_slices)
    return Volume(values(arranged.planes)[0], arranged.affine)


def arrange(planes: Sequence[Slice], *, min_slices: int) -> Arranged:
    """Return the planes of one series in order, and where they lie; no pixel is read.

    Parameters
    ----------
    planes : sequence of Slice
        In any order.
    min_slices : int
        Fewer are refused.

    Raises
    ------
    ValueError
        The planes do not form an even, straight, complete stack, or were made differently.
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
    step = even_step(positions, normal, orientation_decimals=decimals(first.orientation))
    require_constant(ordered)
    origin = ordered[0].position
    affine = plane_affine(first.orientation, first.spacing, origin, step, first.file.label)
    return Arranged(ordered, affine)


def _require_same_plane(planes: Sequence[Slice]) -> None:
    first = planes[0]
    size = matrix(first.file)
    for plane in planes[1:]:
        what = ""
        if matrix(plane.file) != size:
            what = f"matrix {matrix(plane.file)} and {size}"
        elif not np.allclose(plane.spacing, first.spacing, rtol=SPACING_TOLERANCE):
            what = f"pixel spacing {plane.spacing.tolist()} and {first.spacing.tolist()} mm"
        elif np.abs(plane.orientation - first.orientation).max() > ORIENTATION_TOLERANCE:
            angles = plane.orientation.round(3).tolist(), first.orientation.round(3).tolist()
            what = f"orientation {angles[0]} and {angles[1]}"
        if what:
            raise ValueError(
                f"{plane.file.label} and {first.file.label} differ: mixed {what}; they are not "
                f"one volume; separate them"
            )


def values(planes: Sequence[Slice]) -> tuple[NDArray, int]:
    """Return the values of the modality (PS3.3 C.11.1.1.2); each file is read once.

    Returns
    -------
    (X, Y, Z) float32 array
        Padding is background.
    int
        Voxels of padding.

    Raises
    ------
    ValueError
        Nothing but padding, or padding among the values of the image.
    """
    rows, columns = matrix(planes[0].file)
    data = np.empty((columns, rows, len(planes)), np.float32)
    padding: dict[int, NDArray] = {}
    by_file: dict[str, list[int]] = {}
    for k, plane in enumerate(planes):
        by_file.setdefault(plane.file.label, []).append(k)
    for within in by_file.values():
        frames, padded = pixels_and_padding(planes[within[0]].file)
        for k in within:
            plane = planes[k]
            with np.errstate(over="ignore"):  # becomes infinite, and is refused as such
                data[:, :, k] = (frames[plane.frame] * plane.slope + plane.intercept).T
            if padded is not None and padded[plane.frame].any():
                padding[k] = padded[plane.frame].T
    return data, _fill(data, padding, modality([planes[0].file]))


def _fill(data: NDArray, padding: dict[int, NDArray], of: str) -> int:
    """Set padding to background, in place; return the number of its voxels."""
    if not padding:
        return 0
    plain = np.ones(data.shape, bool)
    for k, where in padding.items():
        plain[:, :, k] = ~where
    rest, padded = data[plain], data[~plain]
    if rest.size == 0:
        raise ValueError(
            "the header declares every pixel to be padding (PixelPaddingValue); export it again"
        )
    low, high = float(rest.min()), float(rest.max())
    fill = background(of, float(np.median(padded)))
    inside = (padded > low) & (padded < high) & (padded != fill)
    if inside.any():
        raise ValueError(
            f"padding and image contradict each other: PixelPaddingValue stands for "
            f"{float(padded[inside][0]):g} in {int(inside.sum())} voxels, among the values of the "
            f"image ({low:g} to {high:g}); export the series again, without padding"
        )
    data[~plain] = fill
    return int(padded.size)
