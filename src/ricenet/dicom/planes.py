"""Pixels of DICOM images, and where a plane lies in space.

DICOM counts in LPS and stores (frames, rows, columns). Affines map ``(column, row, plane)``
indices to RAS+ millimetres.
"""

from __future__ import annotations

from math import prod

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.uid import (
    UID,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from ricenet.dicom import codestream, pixel_values
from ricenet.dicom.files import DicomFile, number, numbers, reraise_own, text
from ricenet.image.volume import LPS_FROM_RAS

MAX_VOXELS = 2**29  # 512 x 512 x 2048: beyond it a header is damaged or hostile
AXES_TOLERANCE = 3e-3  # of dot products: twice what rounding cosines to 3 decimals does
PIXELS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")


def frame_count(file: DicomFile) -> int:
    """Count the frames, 1 for a classic image."""
    return int(number(file.header, "NumberOfFrames", file.label, default=1))


def size(file: DicomFile) -> tuple[int, int]:
    """Return the rows and columns of an image, refused where the header cannot be true."""
    rows, columns = (
        int(numbers(file.header, k, file.label, count=1)[0]) for k in ("Rows", "Columns")
    )
    extent = (rows, columns, frame_count(file))
    if min(extent) < 1 or prod(extent) > MAX_VOXELS:
        raise ValueError(f"{file.label}: its size {extent} (rows, columns, frames) is implausible")
    return rows, columns


def is_grey(file: DicomFile) -> bool:
    """Return whether an image has one value a pixel, to be shown as a shade of grey."""
    samples = text(file.header, "SamplesPerPixel") or "1"
    return samples == "1" and text(file.header, "PhotometricInterpretation").startswith(
        "MONOCHROME"
    )


def matrix(file: DicomFile) -> tuple[int, int]:
    """Return the rows and columns of a grey-scale image (PS3.3 C.7.6.3).

    Raises
    ------
    ValueError
        Missing, absurdly large, a colour image, or an inverted one.
    """
    rows, columns = size(file)
    if not is_grey(file):
        raise ValueError(
            f"{file.label} is not a plain grey-scale image "
            f"({text(file.header, 'SamplesPerPixel') or '1'} samples per pixel): probably "
            f"a screen capture or a colour map; give the original series"
        )
    if text(file.header, "PhotometricInterpretation") != "MONOCHROME2":
        raise ValueError(
            f"{file.label} is stored inverted (MONOCHROME1: its lowest value is white), which no "
            f"scanner does with MR or CT; give the original series"
        )
    return rows, columns


def pixels(file: DicomFile) -> NDArray:
    """Read the stored values of all frames; see :func:`pixels_and_padding`."""
    return pixels_and_padding(file)[0]


def pixels_and_padding(file: DicomFile) -> tuple[NDArray, NDArray | None]:
    """Read the stored values of all frames, and where the header says that they are padding.

    Returns
    -------
    (F, R, C) array
        Frames, rows, columns; not rescaled.
    (F, R, C) bool array or None
        Padding; None where there is none.

    Raises
    ------
    ValueError
        No pixel data, truncated, a transfer syntax that cannot be decoded, or values that
        contradict the header.
    """
    shape = (frame_count(file), *matrix(file))
    try:
        data = pydicom.dcmread(file.path, force=True)
        data.file_meta.TransferSyntaxUID = _transfer_syntax(data)
        _refuse_truncated(data, prod(shape), file.label)
        codestream.require_believable(data, shape, file.label)
        data.pixel_array_options(correct_unused_bits=False)
        decoded = data.pixel_array
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a panic in pylibjpeg-rle (Rust) is not an Exception
        reraise_own(error, file.label)
        raise ValueError(
            f"{file.label}: the pixel data cannot be decoded ({type(error).__name__}): missing, "
            f"truncated or in an unknown compression; export it again, uncompressed"
        ) from None
    if decoded.size != prod(shape):
        raise ValueError(
            f"{file.label}: {decoded.size} pixels stored, but {shape[0]} frames of {shape[1]} x "
            f"{shape[2]} announced; export it again"
        )
    bits = pixel_values.layout(data, file.label)
    padding = pixel_values.padding_range(data, file.label, bits)
    return pixel_values.split(decoded.reshape(shape), bits, padding, file.label)


def _transfer_syntax(data: pydicom.FileDataset) -> UID:
    """Transfer syntax; where the file lacks it, the encoding that pydicom found it to have."""
    if "TransferSyntaxUID" in data.file_meta:
        return data.file_meta.TransferSyntaxUID
    implicit, little = data.original_encoding
    if implicit:
        return ImplicitVRLittleEndian
    return ExplicitVRLittleEndian if little else ExplicitVRBigEndian


def _refuse_truncated(data: pydicom.FileDataset, values: int, label: str) -> None:
    """Compare the length of the pixel data with the header (PS3.5 section 8.1.1)."""
    stored = next((len(data[k].value or b"") for k in PIXELS if k in data), 0)
    expected = values * data.BitsAllocated // 8
    if data.file_meta.TransferSyntaxUID.is_compressed:
        expected = 1
    if stored < expected:
        raise ValueError(
            f"{label}: truncated, {stored} of {expected} bytes of pixel data; copy it again"
        )


def plane_axes(orientation: NDArray, label: str) -> tuple[NDArray, NDArray, NDArray]:
    """Return the directions of a plane in LPS (PS3.3 C.7.6.2.1.1).

    Parameters
    ----------
    orientation : (6,) float array
        ImageOrientationPatient.

    Returns
    -------
    three (3,) float arrays
        Along a row (to the next column), along a column (to the next row), and their cross
        product, the normal; unit length.

    Raises
    ------
    ValueError
        The two directions are not perpendicular unit vectors.
    """
    along_row, along_column = orientation[:3], orientation[3:]
    gram = np.array([along_row @ along_row, along_column @ along_column, along_row @ along_column])
    if np.abs(gram - [1, 1, 0]).max() > AXES_TOLERANCE:
        digits = decimals(orientation)
        rounded = f" (rounded to {digits} decimals)" if 0 < digits < 3 else ""
        raise ValueError(
            f"{label}: ImageOrientationPatient {orientation.round(4).tolist()}{rounded} is not two "
            f"perpendicular unit vectors; repair or export again"
        )
    along_row = along_row / np.linalg.norm(along_row)
    along_column = along_column - (along_column @ along_row) * along_row
    along_column /= np.linalg.norm(along_column)
    return along_row, along_column, np.cross(along_row, along_column)


def decimals(numbers_: NDArray) -> int:
    """Return how many decimals numbers are written with, 6 for that many or more."""
    return next((d for d in range(6) if np.abs(numbers_ - numbers_.round(d)).max() < 1e-9), 6)


def plane_affine(
    orientation: NDArray, spacing: NDArray, first: NDArray, step: NDArray, label: str
) -> NDArray:
    """Return the affine of evenly stacked planes (PS3.3 C.7.6.2.1.1, equation C.7.6.2.1-1).

    Parameters
    ----------
    orientation : (6,) float array
        ImageOrientationPatient.
    spacing : (2,) float array
        PixelSpacing in mm: distance of rows first, then of columns (PS3.3 10.7.1.3).
    first, step : (3,) float array
        Centre of the first voxel, and the way from a plane to the next; LPS, mm.

    Returns
    -------
    (4, 4) float array
        ``(column, row, plane)`` indices to RAS+ mm.
    """
    if spacing.min() <= 0:
        raise ValueError(f"{label}: PixelSpacing {spacing.tolist()} is not positive; repair it")
    along_row, along_column, _ = plane_axes(orientation, label)
    lps = np.eye(4)
    lps[:3] = np.stack([along_row * spacing[1], along_column * spacing[0], step, first], axis=1)
    return LPS_FROM_RAS @ lps
