"""planes: pixels and the place of a plane."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pydicom.uid import RLELossless

from dicom_phantoms import OBLIQUE, embed_overlay, plane_lps, put_pixels, slice_of, write
from ricenet.dicom import files
from ricenet.dicom.planes import is_grey, matrix, pixels, plane_affine, plane_axes


def one(folder: Path, data) -> files.DicomFile:
    (file,), _ = files.find(write(folder, data))
    return file


def test_plane_affine_is_the_formula_of_the_standard() -> None:
    """Against the loop of the phantoms: every pixel of an oblique plane with unequal spacing."""
    spacing, first = np.array([1.5, 0.75]), np.array([-11.5, 23.25, 40.0])
    step = np.array([0.0, 0.0, 1.0])
    affine = plane_affine(np.array(OBLIQUE), spacing, first, step, "file 1 of 1")
    expected = plane_lps(first, OBLIQUE, spacing, (4, 3))
    for r in range(4):
        for c in range(3):
            x, y, z, _ = affine @ [c, r, 0, 1]
            np.testing.assert_allclose((-x, -y, z), expected[r, c], atol=1e-9)


def test_plane_axes_feet_first_normal_points_down() -> None:
    assert plane_axes(np.array([-1.0, 0, 0, 0, 1, 0]), "file")[2].tolist() == [0, 0, -1]


def test_compressed_data_cut_short_is_refused(tmp_path: Path) -> None:
    data = slice_of(0)
    data.compress(RLELossless)
    path = write(tmp_path, data) / "CANARY-0.dcm"
    (whole,), _ = files.find(path)
    assert pixels(whole).shape == (1, 9, 7)
    path.write_bytes(path.read_bytes()[:-60])
    (cut,), _ = files.find(path)
    with pytest.raises(ValueError, match="file 1 of 1 in name order: the pixel data cannot"):
        pixels(cut)


def test_size_that_cannot_be_is_refused(tmp_path: Path) -> None:
    data = slice_of(0)
    data.Rows = data.Columns = 65535
    data.NumberOfFrames = 2000
    with pytest.raises(ValueError, match="implausible"):
        pixels(one(tmp_path, data))


@pytest.mark.parametrize(("dtype", "lowest"), [("u2", 0), ("i2", -30)])
def test_bits_beside_the_value_are_not_part_of_it(dtype, lowest: int, tmp_path: Path) -> None:
    """12 bits stored of 16; old scanners keep overlays in the others (PS3.5 section 8.1.2)."""
    data, expected = slice_of(0), np.arange(63).reshape(9, 7) + lowest
    put_pixels(data, expected.astype(dtype))
    stored = expected.astype("i2").view("u2") & 0x0FFF | 0x5000
    data.BitsStored, data.HighBit, data.PixelData = 12, 11, stored.astype("<u2").tobytes()
    embed_overlay(data, 12)
    embed_overlay(data, 14, group=0x6002)
    np.testing.assert_array_equal(pixels(one(tmp_path, data))[0], expected)


@pytest.mark.parametrize(
    ("kind", "samples", "message"),
    [
        ("RGB", 3, r"not a plain grey-scale image \(3 samples"),
        ("PALETTE COLOR", 1, "not a plain grey-scale image"),
        ("MONOCHROME1", 1, r"stored inverted \(MONOCHROME1"),
    ],
)
def test_only_plain_shades_of_grey(kind: str, samples: int, message: str, tmp_path: Path) -> None:
    data = slice_of(0)
    data.PhotometricInterpretation, data.SamplesPerPixel = kind, samples
    file = one(tmp_path, data)
    assert is_grey(file) == kind.startswith("MONO")
    with pytest.raises(ValueError, match=message):
        matrix(file)
