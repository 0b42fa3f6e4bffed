"""stack: planes to a volume, or to a refusal that says where they lie."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dicom_phantoms import write_series
from ricenet.dicom import files
from ricenet.dicom.even_step import rounding_mm
from ricenet.dicom.slices import Slice, slices
from ricenet.dicom.stack import stack


def planes_of(folder: Path, change=None, count: int = 6) -> list[Slice]:
    found, _ = files.find(write_series(folder, change, count))
    return [plane for file in found for plane in slices(file)]


def test_order_of_the_planes_does_not_matter(tmp_path: Path) -> None:
    planes = planes_of(tmp_path)
    one, other = stack(planes, min_slices=3), stack(planes[::-1], min_slices=3)
    np.testing.assert_array_equal(one.data, other.data)
    np.testing.assert_array_equal(one.affine, other.affine)


def test_spacing_is_that_of_positions(tmp_path: Path) -> None:
    """SliceThickness and SpacingBetweenSlices of the phantom say 9 mm."""
    assert stack(planes_of(tmp_path), min_slices=3).spacing_mm[2] == pytest.approx(2.2, abs=1e-5)


def test_mixed_orientation_is_named_before_the_number_of_slices(tmp_path: Path) -> None:
    """Two images that are turned against each other: the files are named, not their number."""

    def turn(planes):
        planes[1].ImageOrientationPatient = [1, 0, 0, 0, 1, 0]

    with pytest.raises(ValueError, match=r"^file 2 of 2 .* and file 1 of 2 .* mixed orientation"):
        stack(planes_of(tmp_path, turn, count=2), min_slices=3)


@pytest.mark.parametrize("least", [0, 1, 2])
def test_one_plane_is_never_a_volume(least: int, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="1 slices, at least 2"):
        stack(planes_of(tmp_path, count=1), min_slices=least)


# --- rounded headers -----------------------------------------------------------------------------


def test_rounding_of_positions() -> None:
    exact = np.array([[1.23456, 2.5, -3.25]])
    for step in (0.1, 0.01, 0.001):
        assert rounding_mm((exact / step).round() * step) == step
    assert rounding_mm(exact) == 0


@pytest.mark.parametrize("digits", [3, 4])
def test_rounded_orientation_is_read(digits: int, tmp_path: Path) -> None:
    def round_off(planes):
        for plane in planes:
            plane.ImageOrientationPatient = [
                round(float(v), digits) for v in plane.ImageOrientationPatient
            ]

    volume = stack(planes_of(tmp_path / "a", round_off), min_slices=3)
    exact = stack(planes_of(tmp_path / "b"), min_slices=3)
    np.testing.assert_allclose(volume.affine, exact.affine, atol=2e-3)
    axes = volume.affine[:3, :3] / volume.spacing_mm
    np.testing.assert_allclose(axes.T @ axes, np.eye(3), atol=2e-4)
