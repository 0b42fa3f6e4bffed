"""stack: planes to a volume, or to a refusal that says where they lie."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dicom_phantoms import write_series
from ricenet.dicom import files
from ricenet.dicom.slices import Slice, slices
from ricenet.dicom.stack import even_step, stack

NORMAL = np.array([0.0, 0.0, 1.0])


def positions(*z: float) -> np.ndarray:
    return np.array([[0.0, 0.0, v] for v in z])


def planes_of(folder: Path, change=None, count: int = 6) -> list[Slice]:
    found, _ = files.find(write_series(folder, change, count))
    return [plane for file in found for plane in slices(file)]


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


def test_tilt_just_inside_and_outside(tmp_path: Path) -> None:
    """0.2 degrees are rounding of the header, 0.5 degrees are a tilt."""
    for degrees, refused in ((0.2, False), (0.5, True)):
        tilted = positions(0, 1, 2, 3)
        tilted[:, 0] = tilted[:, 2] * np.tan(np.radians(degrees))
        if refused:
            with pytest.raises(ValueError, match=r"gantry tilt of 0\.50 degrees"):
                even_step(tilted, NORMAL)
        else:
            np.testing.assert_allclose(even_step(tilted, NORMAL)[2], 1)
