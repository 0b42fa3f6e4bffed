"""roc_curve: areas are those of the ranks, and limits hold the curve."""

from __future__ import annotations

import numpy as np
import pytest

from ricenet.statistics import roc, roc_curve


@pytest.fixture(scope="module")
def drawn() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(4)
    labels = rng.integers(0, 2, 60)
    score = np.round(rng.normal(size=60) + labels, 1)  # with ties
    return labels, score, np.arange(60) % 5


def test_the_area_is_that_of_the_ranks(drawn) -> None:
    labels, score, _ = drawn
    assert roc_curve.curve(labels, score).area == pytest.approx(roc.delong(labels, score)[0][0])


def test_the_mean_of_the_folds_has_the_area_within_folds(drawn) -> None:
    labels, score, folds = drawn
    shifted = score + 100 * folds  # each model has a scale of its own
    found = roc_curve.within_folds(labels, shifted, folds)
    assert found.area == pytest.approx(roc.delong(labels, score, folds)[0][0])
    assert (np.diff(found.false_positive) >= 0).all() and (
        np.diff(found.true_positive) >= -1e-12
    ).all()
    with pytest.raises(ValueError, match="both classes"):
        roc_curve.within_folds(np.ones(4, int), np.arange(4.0), np.zeros(4))


def test_limits_hold_the_curve_and_have_a_width() -> None:
    perfect = roc_curve.curve(np.repeat([0, 1], [7, 5]), np.arange(12.0))
    lower, upper = roc_curve.band(perfect, rice=5, recurrence=7, confidence=0.95)
    x, y = perfect
    assert (lower[:, 0] >= x).all() and (lower[:, 1] <= y).all()
    assert (upper[:, 0] <= x).all() and (upper[:, 1] >= y).all()
    # all five found: Wilson's lower limit, beside the upper one of no false alarm in seven
    corner = (x == 0) & (y == 1)
    assert lower[corner][0] == pytest.approx([0.354, 0.566], abs=1e-3)
