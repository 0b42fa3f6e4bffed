"""Reading and stacking: the pieces under both ingest steps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pydicom.uid import DeflatedExplicitVRLittleEndian, RLELossless

from dicom_phantoms import FRAME, OBLIQUE, enhanced, plane_lps, slice_of, write, write_series
from ricenet.dicom import files, series
from ricenet.dicom.planes import pixels, plane_affine, plane_axes
from ricenet.dicom.stack import even_step, stack

NORMAL = np.array([0.0, 0.0, 1.0])


def positions(*z: float) -> np.ndarray:
    return np.array([[0.0, 0.0, v] for v in z])


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


def test_even_step() -> None:
    np.testing.assert_allclose(even_step(positions(5, 7, 9), NORMAL), (0, 0, 2))
    rounded = positions(0, 1.33, 2.67, 4.0)
    np.testing.assert_allclose(even_step(rounded, NORMAL), (0, 0, 4 / 3))


@pytest.mark.parametrize(
    ("z", "message"),
    [
        ((0, 1, 1, 2), "duplicate positions: 4 images at 3 places"),
        ((0, 1, 3, 4), "2.000 mm after slice 2"),
        ((0, 1, 2.1, 3), "uneven distance"),
    ],
)
def test_uneven_positions_are_refused(z, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        even_step(positions(*z), NORMAL)


def test_order_of_the_planes_does_not_matter(tmp_path: Path) -> None:
    found, _ = files.find(write_series(tmp_path))
    planes = [p for f in found for p in series.slices(f)]
    one, other = stack(planes, min_slices=3), stack(planes[::-1], min_slices=3)
    np.testing.assert_array_equal(one.data, other.data)
    np.testing.assert_array_equal(one.affine, other.affine)


def test_shared_and_own_functional_groups(tmp_path: Path) -> None:
    (file,), _ = files.find(write(tmp_path, enhanced()))
    planes = series.slices(file)
    assert [p.frame for p in planes] == [0, 1, 2, 3, 4]
    assert planes[0].spacing.tolist() == [1.5, 0.75]
    assert (planes[0].slope, planes[0].intercept) == (0.5, -10)
    broken = enhanced()
    del broken.PerFrameFunctionalGroupsSequence[0]
    (file,), _ = files.find(write(tmp_path, broken))
    with pytest.raises(ValueError, match="5 frames but 4 functional groups"):
        series.slices(file)


def test_file_without_preamble_and_meta_is_read(tmp_path: Path) -> None:
    data = slice_of(0)
    expected = data.pixel_array.copy()
    del data.file_meta
    data.save_as(
        tmp_path / "plain", implicit_vr=True, little_endian=True, enforce_file_format=False
    )
    (tmp_path / "beside.txt").write_bytes(b"\x08\0" + bytes(200))
    (file,), ignored = files.find(tmp_path)
    np.testing.assert_array_equal(pixels(file)[0], expected)
    assert ignored == 1


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


def test_deflated_file_is_refused_before_it_is_inflated(tmp_path: Path) -> None:
    data = slice_of(0)
    data.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    with pytest.raises(ValueError, match="deflated"):
        files.find(write(tmp_path, data))


def test_size_that_cannot_be_is_refused(tmp_path: Path) -> None:
    data = slice_of(0)
    data.Rows = data.Columns = 65535
    data.NumberOfFrames = 2000
    (file,), _ = files.find(write(tmp_path, data))
    with pytest.raises(ValueError, match="not believable"):
        pixels(file)


def test_uid_digest_is_stable_and_hides_the_uid() -> None:
    digest = files.uid_digest(FRAME)
    assert digest == files.uid_digest(FRAME) and len(digest) == 16
    assert digest not in FRAME and files.uid_digest("") is None
