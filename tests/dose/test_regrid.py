"""Uneven dose frames on an even grid."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.interpolate import interp1d

from dicom_phantoms import HEAD_FIRST, SCALING, STORED, dose, read_dose, write
from ricenet.dose import grid
from ricenet.dose.regrid import even_frames, interpolate

FEET_FIRST = (-1, 0, 0, 0, 1, 0)
DATA = np.random.default_rng(4).uniform(0, 60, (3, 2, 4)).astype(np.float32)


@pytest.mark.parametrize(
    ("offsets", "step", "count"),
    [
        ((0, 3, 6, 10), 1.0, 11),
        ((0, 2.5, 5, 10), 2.5, 5),
        ((0, 1.25, 3.75, 5), 1.25, 5),
        ((0, 2.5, 5.5, 8), 0.5, 17),
        ((0, -3, -6, -10), 1.0, 11),
        ((0, 3.333, 6.667, 13.333), 3.33, 5),  # thirds, as a planning system writes them
    ],
)
def test_every_stored_frame_is_kept_exactly(offsets, step: float, count: int) -> None:
    frames = even_frames(np.array(offsets, float), "x")
    assert (frames.exact, frames.count) == (True, count)
    assert frames.step_mm == pytest.approx(step, abs=0.005)
    found = interpolate(DATA, frames)
    places = np.abs(np.array(offsets)) / frames.step_mm
    assert np.abs(places - np.rint(places)).max() < 0.01
    np.testing.assert_array_equal(found[..., np.rint(places).astype(int)], DATA)


@pytest.mark.parametrize("offsets", [(0, 3, 6, 10), (0, 3, 5.61, 9.37), (0, 0.3, 9.91, 10)])
def test_between_frames_it_is_linear_and_nothing_lies_beyond(offsets) -> None:
    """Against scipy, which refuses to extrapolate."""
    frames = even_frames(np.array(offsets, float), "x")
    wanted = np.linspace(0, offsets[-1], frames.count)
    expected = interp1d(offsets, DATA, axis=-1, bounds_error=True)(wanted.clip(0, offsets[-1]))
    np.testing.assert_allclose(interpolate(DATA, frames), expected, rtol=1e-4, atol=1e-4)


def test_without_a_common_step_both_ends_are_met_and_it_is_said() -> None:
    frames = even_frames(np.array([0, 3, 5.61, 9.37]), "x")
    assert not frames.exact and frames.step_mm <= 2.61
    assert frames.step_mm * (frames.count - 1) == pytest.approx(9.37)
    assert "no common step" in frames.note


@pytest.mark.parametrize(
    ("orientation", "offsets", "last_z"),
    [
        (HEAD_FIRST, (0, 3, 6, 10), 40),
        (HEAD_FIRST, (0, -3, -6, -10), 20),
        (HEAD_FIRST, (30, 33, 36, 40), 40),
        (FEET_FIRST, (0, 3, 6, 10), 20),
        (FEET_FIRST, (30, 27, 24, 20), 20),
    ],
)
def test_uneven_dose_lies_where_its_frames_lie(orientation, offsets, last_z, tmp_path) -> None:
    """Frame k at ImagePositionPatient + normal x offset: here z 30 to 20 or 40, in 11 mm steps."""
    folder = write(tmp_path, dose(orientation=orientation, offsets=offsets))
    volume, facts = read_dose(folder)
    assert volume.data.shape == (6, 5, 11)
    first, last = ((volume.affine @ [0, 0, k, 1])[2] for k in (0, 10))
    assert (first, last) == pytest.approx((30, last_z))
    for frame, k in enumerate((0, 3, 6, 10)):
        np.testing.assert_array_equal(volume.data[..., k], STORED[frame].T * np.float32(SCALING))
    assert any("4 uneven frames regridded to 11 of 1 mm" in w for w in facts["ledger"]["warnings"])


def test_even_frames_are_left_alone(tmp_path: Path) -> None:
    volume, facts = read_dose(write(tmp_path, dose(offsets=(0, 3, 6, 9.009))))
    assert volume.data.shape == (6, 5, 4)
    assert not any("regridded" in w for w in facts["ledger"]["warnings"])


def test_a_grid_that_would_be_too_large_is_refused(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(grid, "MAX_VOXELS", 200)
    with pytest.raises(ValueError, match=r"uneven frames over 10 mm would make 11 even ones"):
        read_dose(write(tmp_path, dose(offsets=(0, 3, 6, 10))))
