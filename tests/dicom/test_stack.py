"""stack: planes to a volume, or to a refusal that says where they lie."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dicom_phantoms import write_series
from ricenet.dicom import files
from ricenet.dicom.even_step import even_step, rounding_mm
from ricenet.dicom.planes import plane_axes
from ricenet.dicom.slices import Slice, slices
from ricenet.dicom.stack import stack

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


# --- rounded headers -----------------------------------------------------------------------------


def test_positions_rounded_to_a_tenth_are_even(tmp_path: Path) -> None:
    """Any even grid, oblique or not, rounded as some archives do; the step is the true one."""
    rng = np.random.default_rng(4)
    for step in (0.6, 0.9375, 1.25, 4.8):
        for normal in (NORMAL, np.array([0.6, 0.0, 0.8]), np.array([0.36, 0.48, 0.8])):
            exact = rng.uniform(-90, 90, 3) + np.arange(60)[:, None] * step * normal
            found = even_step(exact.round(1), normal)
            np.testing.assert_allclose(found, step * normal, atol=0.1 / 59 + 1e-9)


@pytest.mark.parametrize("step", [0.9375, 1.25, 4.8])
def test_a_lost_slice_shows_through_rounding(step: float) -> None:
    exact = np.arange(60)[:, None] * step * NORMAL
    for lost in (1, 30, 58):
        with pytest.raises(ValueError, match="missing slice"):
            even_step(np.delete(exact, lost, axis=0).round(1), NORMAL)


def test_thin_slices_rounded_are_neither_tilted_nor_crooked() -> None:
    """Ten oblique slices of 0.6 mm: rounding moves the ends aside by more than 0.3 degrees."""
    normal = np.array([0.36, 0.48, 0.8])
    exact = np.array([1.04, -2.07, 3.33]) + np.arange(10)[:, None] * 0.6 * normal
    for start in np.linspace(0, 0.1, 7):
        even_step((exact + start).round(1), normal)


def test_positions_in_whole_mm_are_called_so() -> None:
    exact = (np.arange(40)[:, None] * 1.2 * NORMAL).round()
    with pytest.raises(ValueError, match="or positions that are rounded to whole mm"):
        even_step(exact, NORMAL)


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


def test_too_coarse_an_orientation_is_called_so() -> None:
    """Cosines of two decimals turn the planes by up to half a degree: no gantry was tilted."""
    with pytest.raises(ValueError, match=r"\(rounded to 2 decimals\) is not two"):
        plane_axes(np.array([0.83, 0.57, 0, 0, 0, -1]), "file")
    tilted = positions(0, 1, 2, 3)
    tilted[:, 0] = tilted[:, 2] * np.tan(np.radians(0.5))
    with pytest.raises(ValueError, match="ImageOrientationPatient is rounded to 2 decimals"):
        even_step(tilted, NORMAL, orientation_decimals=2)
    with pytest.raises(ValueError, match="gantry tilt"):
        even_step(tilted, NORMAL, orientation_decimals=0)  # along the axes: exact
