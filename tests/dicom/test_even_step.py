"""even_step: how evenly planes lie along a line, whatever their positions were rounded to."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ricenet.dicom.even_step import even_step
from ricenet.dicom.planes import plane_axes

NORMAL = np.array([0.0, 0.0, 1.0])


def positions(*z: float) -> np.ndarray:
    return np.array([[0.0, 0.0, v] for v in z])


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
