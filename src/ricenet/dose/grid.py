"""The grid of an RTDOSE: Gy, and where its voxels lie.

Arrays are ``(X, Y, Z)``: columns, rows, frames; affines map to RAS+ mm. ``C.8.8`` and ``C.7.6``
are sections of DICOM PS3.3.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ricenet.dicom.files import DicomFile, number, numbers
from ricenet.dicom.planes import frame_count, matrix, pixels, plane_affine, plane_axes

OFFSET_TOLERANCE_MM = 0.01


def dose_gy(file: DicomFile) -> NDArray:
    """Dose of an RTDOSE as stored: integers times DoseGridScaling (C.8.8.3.3).

    Returns
    -------
    (X, Y, Z) float32 array
        Gy.

    Raises
    ------
    ValueError
        Scaling missing or not positive, pixel data missing or short, negative or no dose.
    """
    scaling = number(file.header, "DoseGridScaling", file.label, default=0.0)
    if scaling <= 0:
        raise ValueError(
            f"{file.label}: DoseGridScaling is {scaling:g} or missing; without it the stored "
            f"integers have no unit; export it again"
        )
    stored = pixels(file)
    if stored.min() < 0:
        raise ValueError(f"{file.label}: negative dose, {stored.min() * scaling:.4g} Gy")
    if not stored.any():
        raise ValueError(f"{file.label}: the dose is zero everywhere; export it again")
    return (stored.transpose(2, 1, 0) * scaling).astype(np.float32)


def dose_affine(file: DicomFile) -> NDArray:
    """Affine of an RTDOSE from its header.

    Frame k lies at ImagePositionPatient + normal × offset[k], where the normal is row × column:
    along -z for feet-first positions (C.7.6.2.1.1, C.8.8.3.2).

    Returns
    -------
    (4, 4) float array
        Voxel indices to RAS+ mm.

    Raises
    ------
    ValueError
        A single plane, uneven frames, or elements missing.
    """
    header, label = file.header, file.label
    orientation = numbers(header, "ImageOrientationPatient", label, count=6)
    first = numbers(header, "ImagePositionPatient", label, count=3)
    spacing = numbers(header, "PixelSpacing", label, count=2)
    count = frame_count(file)
    matrix(file)
    if count < 2:
        raise ValueError(f"{label}: a dose of one plane is not a volume; export the dose grid")
    offsets = numbers(header, "GridFrameOffsetVector", label, count=count)
    normal = plane_axes(orientation, label)[2]
    step = even_offset(relative_offsets(offsets, first, normal, label), label)
    return plane_affine(orientation, spacing, first, normal * step, label)


def relative_offsets(offsets: NDArray, first: NDArray, normal: NDArray, label: str) -> NDArray:
    """Offsets along the normal from GridFrameOffsetVector, relative or absolute (C.8.8.3.2).

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


def even_offset(offsets: NDArray, label: str) -> float:
    """Distance from each frame to the next along the normal, mm; negative if they descend.

    Raises
    ------
    ValueError
        The frames are not evenly spaced.
    """
    gaps = np.diff(offsets)
    step = float(offsets[-1] - offsets[0]) / len(gaps)
    if step == 0 or np.abs(gaps - step).max() > OFFSET_TOLERANCE_MM:
        raise ValueError(
            f"{label}: uneven frame distances, {gaps.min():g} to {gaps.max():g} mm; this version "
            f"reads even dose grids only; export an even grid"
        )
    return step
