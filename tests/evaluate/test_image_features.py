"""image_features: a ball of brain, a gradient of dose and a cube in it, by formula."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ricenet.evaluate import image_features
from ricenet.evaluate.record_features import Feature

SPACING = (2.0, 2.0, 3.0)
SHAPE = (60, 70, 50)


def values(found: list[Feature]) -> dict[str, float]:
    return {f.feature: f.value for f in found}


@pytest.fixture(scope="module")
def brain() -> np.ndarray:
    x, y, z = (np.arange(n) * mm for n, mm in zip(SHAPE, SPACING, strict=True))
    x, y, z = np.meshgrid(x, y, z, indexing="ij")
    return (x - 60) ** 2 + (y - 70) ** 2 + (z - 75) ** 2 <= 40**2


def test_a_ball_has_its_volume_and_is_symmetric(brain: np.ndarray) -> None:
    found = values(image_features.of_brain(brain, SPACING))
    assert found["brain_ml"] == pytest.approx(4 / 3 * math.pi * 4**3, rel=0.01)
    assert found["brain_asymmetry"] == pytest.approx(0)
    assert [found[f"box_{a}_mm"] for a in "xyz"] == pytest.approx([82, 82, 81], abs=3)
    half = brain.copy()
    half[:25] = False
    assert abs(values(image_features.of_brain(half, SPACING))["brain_asymmetry"]) > 0.02


def test_dose_volumes_of_a_gradient(brain: np.ndarray) -> None:
    """The dose rises by 1 Gy a voxel of the first axis, so that V is a count of planes."""
    dose = np.broadcast_to(np.arange(60.0)[:, None, None], SHAPE).astype(np.float32)
    found = values(image_features.of_dose("dose", dose, brain, 0.012))
    for gy in image_features.LEVELS_GY:
        assert found[f"dose_v{gy}_ml"] == pytest.approx(brain[gy:].sum() * 0.012)
    by_hand = np.sort(dose[brain])[::-1][round(0.03 / 0.012) - 1]
    assert found["dose_hottest_gy"] == by_hand
    assert found["dose_mean_gy"] == pytest.approx(float(dose[brain].mean()))


def test_an_outline_and_the_dose_in_it(brain: np.ndarray) -> None:
    share = np.zeros(SHAPE, np.float32)
    share[40:44, 33:38, 24:27] = 1
    share[10, 10, 10] = 1  # a second part
    found = values(image_features.of_outline("gtv", share, brain, SPACING))
    assert found["gtv_ml"] == pytest.approx(61 * 0.012) and found["gtv_parts"] == 2
    share[10, 10, 10] = 0
    found = values(image_features.of_outline("gtv", share, brain, SPACING))
    assert found["gtv_from_brain_centre_mm"] == pytest.approx(math.hypot(23, 0, 0), abs=0.1)
    dose = np.broadcast_to(np.arange(60.0)[:, None, None], SHAPE).astype(np.float32)
    found = values(image_features.of_dose_in_outline("gtv", share, "dose", dose, SPACING))
    assert [found[f"dose_in_gtv_{k}_gy"] for k in ("minimum", "mean", "maximum")] == [40, 41.5, 43]
    # 95 % of the hottest is 56.05 Gy, from plane 57 on; the centre lies in plane 42
    assert found["dose_in_gtv_depth_in_isodose_mm"] == pytest.approx(-(57 - 42) * 2)


def test_an_outline_of_less_than_half_a_voxel_has_no_dose() -> None:
    share = np.full((3, 3, 3), 0.1, np.float32)
    found = image_features.of_dose_in_outline("gtv", share, "dose", np.ones((3, 3, 3)), SPACING)
    assert all(math.isnan(f.value) for f in found)
