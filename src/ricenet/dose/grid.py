"""The grid of an RTDOSE: Gy, and where its voxels lie.

Arrays are ``(X, Y, Z)``: columns, rows, frames; affines map to RAS+ mm. ``C.8.8`` and ``C.7.6``
are sections of DICOM PS3.3.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ricenet.dicom.files import DicomFile, number, numbers
from ricenet.dicom.planes import MAX_VOXELS, frame_count, matrix, pixels, plane_affine, plane_axes
from ricenet.dose.regrid import EvenFrames, even_frames, interpolate
from ricenet.image.volume import Volume

OFFSET_TOLERANCE_MM = 0.01


def dose_volume(file: DicomFile) -> tuple[Volume, list[str]]:
    """Return the dose of an RTDOSE on an even grid, in its units, and notes on changes made."""
    affine, uneven = dose_grid(file)  # first: cheap, with the better error message
    data = dose_gy(file)
    if uneven is None:
        return Volume(data, affine), []
    return Volume(interpolate(data, uneven), affine), [f"{file.label}: {uneven.note}"]


def dose_gy(file: DicomFile) -> NDArray:
    """Return the dose of an RTDOSE as stored: integers times DoseGridScaling (C.8.8.3.3).

    Returns
    -------
    (X, Y, Z) float32 array
        Gy, where DoseUnits are GY.

    Raises
    ------
    ValueError
        Scaling missing or not positive, pixel data missing or short, NaN, negative or no dose.
    """
    scaling = number(file.header, "DoseGridScaling", file.label, default=0.0)
    if scaling <= 0:
        raise ValueError(
            f"{file.label}: DoseGridScaling is {scaling:g} or missing; without it the stored "
            f"integers have no unit; export it again"
        )
    stored = pixels(file)
    if not np.isfinite(stored).all():
        raise ValueError(f"{file.label}: dose values are NaN or infinite; export it again")
    if stored.min() < 0:
        raise ValueError(f"{file.label}: negative dose, {stored.min() * scaling:.4g} Gy")
    if not stored.any():
        raise ValueError(f"{file.label}: the dose is zero everywhere; export it again")
    return (stored.transpose(2, 1, 0) * scaling).astype(np.float32)


def dose_grid(file: DicomFile) -> tuple[NDArray, EvenFrames | None]:
    """Return the affine of an RTDOSE from its header, and the even frames that replace uneven ones.

    Frame k lies at ImagePositionPatient + normal × offset[k], where the normal is row × column:
    along -z for feet-first positions (C.7.6.2.1.1, C.8.8.3.2).

    Returns
    -------
    (4, 4) float array
        Voxel indices of the even grid to RAS+ mm.
    EvenFrames or None
        None where the stored frames are even.

    Raises
    ------
    ValueError
        A single plane, frames in no order, or elements missing.
    """
    header, label = file.header, file.label
    orientation = numbers(header, "ImageOrientationPatient", label, count=6)
    first = numbers(header, "ImagePositionPatient", label, count=3)
    spacing = numbers(header, "PixelSpacing", label, count=2)
    count = frame_count(file)
    rows, columns = matrix(file)
    if count < 2:
        raise ValueError(f"{label}: a dose of one plane is not a volume; export the dose grid")
    offsets = numbers(header, "GridFrameOffsetVector", label, count=count)
    normal = plane_axes(orientation, label)[2]
    offsets = relative_offsets(offsets, first, normal, label)
    step, uneven = even_offset(offsets), None
    if step is None:
        uneven = even_frames(offsets, label)
        step = uneven.sign * uneven.step_mm
        if uneven.count * rows * columns > MAX_VOXELS:
            raise ValueError(
                f"{label}: uneven frames over {uneven.stored_mm[-1]:g} mm would make "
                f"{uneven.count} even ones; export an even grid"
            )
    return plane_affine(orientation, spacing, first, normal * step, label), uneven


def relative_offsets(offsets: NDArray, first: NDArray, normal: NDArray, label: str) -> NDArray:
    """Return offsets along the normal, from relative or absolute GridFrameOffsetVector (C.8.8.3.2).

    Parameters
    ----------
    offsets : (N,) float array
        GridFrameOffsetVector, mm: from the first frame if it begins with 0, else patient z.
    first : (3,) float array
        ImagePositionPatient, LPS, mm.
    normal : (3,) float array
        Unit normal of the frames, LPS.

    Returns
    -------
    (N,) float array
        From the first frame along the normal, mm.

    Raises
    ------
    ValueError
        Absolute, but not beginning at the first frame's z, or frames that are not axial.
    """
    if offsets[0] == 0:
        return offsets
    axial = abs(abs(normal[2]) - 1) < 1e-4
    if not axial or abs(offsets[0] - first[2]) > OFFSET_TOLERANCE_MM:
        raise ValueError(
            f"{label}: GridFrameOffsetVector begins with {offsets[0]:g} mm: neither 0 nor the z "
            f"of the first frame of an axial grid ({first[2]:g} mm); export it again"
        )
    return (offsets - offsets[0]) * np.sign(normal[2])


def even_offset(offsets: NDArray) -> float | None:
    """Return the distance from each frame to the next along the normal, mm.

    Negative if they descend.

    None where the frames are not evenly spaced.
    """
    gaps = np.diff(offsets)
    step = float(offsets[-1] - offsets[0]) / len(gaps)
    if step == 0 or np.abs(gaps - step).max() > OFFSET_TOLERANCE_MM:
        return None
    return step
