"""Whether a dose grid holds the brain: against shifts and counts by hand."""

from __future__ import annotations

import numpy as np
import pytest

from ricenet.dose.coverage import cut_dose, share_inside, view_holds_grid

BRAIN = np.zeros((10, 9, 8), bool)
BRAIN[2:8, 2:7, 2:6] = True
DOSE = np.arange(BRAIN.size, dtype=np.float32).reshape(BRAIN.shape)


def inside_to(last: int) -> np.ndarray:
    inside = np.zeros(BRAIN.shape, bool)
    inside[1:last, 1:8, 1:7] = True
    return inside


@pytest.mark.parametrize(("last", "share"), [(9, 1.0), (8, 1.0), (5, 0.5), (2, 0.0)])
def test_share_of_the_brain_inside(last: int, share: float) -> None:
    assert share_inside(inside_to(last), BRAIN) == share
    assert share_inside(inside_to(last), np.zeros_like(BRAIN)) == 0


def test_cut_dose_is_that_of_the_brains_last_plane_inside() -> None:
    """Only where the brain goes on: the grid's end beyond the brain is no cut."""
    assert cut_dose(DOSE, inside_to(5), BRAIN) == DOSE[4, 2:7, 2:6].max()
    assert cut_dose(DOSE, inside_to(8), BRAIN) == 0
    assert cut_dose(DOSE, inside_to(2), BRAIN) == 0


def test_grid_that_reaches_a_face_of_the_view_is_not_held() -> None:
    assert view_holds_grid(inside_to(9)) and not view_holds_grid(np.zeros_like(BRAIN))
    assert not view_holds_grid(inside_to(10))
    for axis in range(3):
        for end in (0, -1):
            inside = np.moveaxis(inside_to(9), axis, 0)
            inside[end] = True
            assert not view_holds_grid(np.moveaxis(inside, 0, axis))
