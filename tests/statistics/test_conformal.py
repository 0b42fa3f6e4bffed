"""conformal: p values by counting, coverage by simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from ricenet.statistics import conformal


def test_p_values_by_counting() -> None:
    rng = np.random.default_rng(1)
    labels, p, new = rng.integers(0, 2, 30), rng.random(30).round(1), rng.random(9).round(1)
    found = conformal.class_p_values(labels, p, new)
    for row, value in zip(found, new, strict=True):
        for c in (0, 1):

            def like(q: float, c: int = c) -> float:
                return q if c == 1 else 1 - q

            fewer = sum(
                like(q) <= like(value) + 1e-12
                for label, q in zip(labels, p, strict=True)
                if label == c
            )
            assert row[c] == pytest.approx((fewer + 1) / (sum(labels == c) + 1))


def test_a_patient_is_no_calibration_of_the_own_fold() -> None:
    rng = np.random.default_rng(2)
    labels, p, folds = np.arange(30) // 3 % 2, rng.random(30), np.arange(30) % 3
    found = conformal.out_of_fold(labels, p, folds)
    others = folds != 1
    by_hand = conformal.class_p_values(labels[others], p[others], p[~others])
    assert found[folds == 1] == pytest.approx(by_hand)
    turned = np.where(folds == 1, 1 - labels, labels)
    again = conformal.out_of_fold(turned, p, folds)
    assert again[folds == 1] == pytest.approx(found[folds == 1])
    assert again[folds != 1] != pytest.approx(found[folds != 1])


@pytest.mark.parametrize("alpha", [0.1, 0.2])
def test_each_class_is_covered_as_often_as_announced_and_within_its_range(alpha: float) -> None:
    """A poor classifier that prefers one class, 32 and 48 patients to calibrate on."""
    rng = np.random.default_rng(3)
    covered: list[list[float]] = [[], []]
    shift = {0: -1.5, 1: 0.2}
    for _ in range(400):
        labels = np.repeat([1, 0], [32, 48])
        z = rng.normal(size=80) + np.where(labels == 1, shift[1], shift[0])
        for c in (0, 1):
            # the true coverage given this calibration set: where the p value passes alpha
            grid = np.linspace(-6, 6, 4001)
            p = conformal.class_p_values(labels, 1 / (1 + np.exp(-z)), 1 / (1 + np.exp(-grid)))
            inside = p[:, c] > alpha
            edge = grid[inside].min() if c == 1 else grid[inside].max()
            below = norm.cdf(edge - shift[c])
            covered[c].append(1 - below if c == 1 else below)
    for c, n in ((0, 48), (1, 32)):
        assert np.mean(covered[c]) >= 1 - alpha - 0.005
        low, high = conformal.coverage_range(n, alpha=alpha)
        assert np.quantile(covered[c], [0.05, 0.95]) == pytest.approx([low, high], abs=0.02)


def test_the_range_of_coverage_at_the_papers_size() -> None:
    for n, low, high in ((32, 0.82, 0.97), (48, 0.85, 0.97), (12, 0.78, 1.0)):
        assert conformal.coverage_range(n, alpha=0.1) == pytest.approx((low, high), abs=0.006)
    assert conformal.coverage_range(4, alpha=0.1) == (1.0, 1.0)  # too few to leave anybody out
