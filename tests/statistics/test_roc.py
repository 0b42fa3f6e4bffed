"""roc: against published data, scikit-learn, a naive jackknife, and simulated cohorts."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.metrics import roc_auc_score

from ricenet.statistics import roc

# Ovarian cancer, DeLong et al. 1988 as listed with SAS/STAT's LOGISTIC procedure: albumin, total
# protein, K-G score; 1 for those without a mechanical obstruction
OVARIAN = """
3.0 5.8 10 0|3.2 6.3 5 1|3.9 6.8 3 1|2.8 4.8 6 0|3.2 5.8 3 1|0.9 4.0 5 0|2.5 5.7 8 0|1.6 5.6 5 1
3.8 5.7 5 1|3.7 6.7 6 1|3.2 5.4 4 1|3.8 6.6 6 1|4.1 6.6 5 1|3.6 5.7 5 1|4.3 7.0 4 1|3.6 6.7 4 0
2.3 4.4 6 1|4.2 7.6 4 0|4.0 6.6 6 0|3.5 5.8 6 1|3.8 6.8 7 1|3.0 4.7 8 0|4.5 7.4 5 1|3.7 7.4 5 1
3.1 6.6 6 1|4.1 8.2 6 1|4.3 7.0 5 1|4.3 6.5 4 1|3.2 5.1 5 1|2.6 4.7 6 1|3.3 6.8 6 0|1.7 4.0 7 0
3.7 6.1 5 1|3.3 6.3 7 1|4.2 7.7 6 1|3.5 6.2 5 1|2.9 5.7 9 0|2.1 4.8 7 1|2.8 6.2 8 0|4.0 7.0 7 1
3.3 5.7 6 1|3.7 6.9 5 1|3.6 6.6 5 1
"""


def ovarian():
    rows = [row.split() for line in OVARIAN.split("\n") if line for row in line.split("|")]
    table = np.array(rows, dtype=float)
    return table[:, 3].astype(int), np.stack([table[:, 0], table[:, 1], -table[:, 2]])


def test_areas_and_errors_are_those_of_the_ovarian_data() -> None:
    labels, scores = ovarian()
    found = roc.delong(labels, scores)
    assert len(labels) == 43
    assert found.values == pytest.approx([0.7366, 0.6478, 0.7258], abs=1e-4)
    assert np.sqrt(np.diag(found.covariance)) == pytest.approx([0.0927, 0.1, 0.1028], abs=1e-4)
    # alike in all: chi square with two degrees of freedom
    contrast = np.array([[1, -1, 0], [0, 1, -1]])
    d = contrast @ found.values
    chi2 = d @ np.linalg.inv(contrast @ found.covariance @ contrast.T) @ d
    assert chi2 == pytest.approx(2.5340, abs=1e-3)


@pytest.mark.parametrize(
    ("first", "value", "error", "p"), [(0, 0.0108, 0.0953, 0.9102), (1, -0.0780, 0.1046, 0.4561)]
)
def test_differences_are_those_of_the_ovarian_data(first, value, error, p) -> None:
    labels, scores = ovarian()
    found = roc.delong_difference(labels, scores[first], scores[2], confidence=0.95)
    assert found.value == pytest.approx(value, abs=1e-4) and found.p == pytest.approx(p, abs=1e-4)
    assert (found.high - found.low) / 2 == pytest.approx(1.959964 * error, abs=2e-4)


def cohort(seed: int, n1: int, n0: int, folds: int = 1):
    rng = np.random.default_rng(seed)
    labels = np.r_[np.ones(n1, int), np.zeros(n0, int)]
    scores = np.round(rng.normal(size=n1 + n0) + labels, 1)  # with ties
    return labels, scores, np.arange(n1 + n0) % folds


@pytest.mark.parametrize("seed", range(3))
def test_variance_is_that_of_the_jackknife(seed: int) -> None:
    """DeLong's variance is that of the two classes' pseudo-values, each left out in turn."""
    labels, score, _ = cohort(seed, 9, 14)
    whole = roc_auc_score(labels, score)
    variance = 0.0
    for label in (0, 1):
        places = np.flatnonzero(labels == label)
        m = len(places)
        left = [roc_auc_score(np.delete(labels, i), np.delete(score, i)) for i in places]
        pseudo = m * whole - (m - 1) * np.array(left)
        variance += pseudo.var(ddof=1) / m
    assert roc.delong(labels, score).covariance[0, 0] == pytest.approx(variance)


def test_area_within_folds_is_blind_to_their_scales() -> None:
    labels, score, folds = cohort(1, 12, 18, 3)
    by_fold, pairs = [], []
    for k in range(3):
        own = folds == k
        by_fold.append(roc_auc_score(labels[own], score[own]))
        pairs.append(labels[own].sum() * (1 - labels[own]).sum())
    found = roc.delong(labels, score, folds).values[0]
    assert found == pytest.approx(np.average(by_fold, weights=pairs))
    shifted = roc.delong(labels, score + 10 * folds, folds).values[0]
    assert shifted == pytest.approx(found)
    assert roc_auc_score(labels, score + 10 * folds) != pytest.approx(found, abs=0.05)


def test_a_fold_with_one_class_has_no_pairs() -> None:
    labels, score, folds = cohort(2, 6, 6, 2)
    more = [np.r_[a, b] for a, b in ((labels, [1, 1]), (score, [0.0, 9.0]), (folds, [7, 7]))]
    assert roc.class_sizes(more[0], more[2]) == roc.class_sizes(labels, folds)
    assert roc.delong(*more).values == roc.delong(labels, score, folds).values
    alone = roc.delong([1, 1], [0.1, 0.2])
    assert np.isnan(alone.values).all() and roc.class_sizes([1, 1]) == []


@pytest.mark.parametrize(
    ("value", "sizes", "low", "high"),
    [
        (1, [(5, 7)], 0.683, 1), (1, [(32, 48)], 0.948, 1), (0, [(5, 7)], 0, 0.317),
        (1, [(1, 1)], 1 / (1 + 1.959964**2), 1),  # 1 - a = z^2 a: by hand
    ],
)  # fmt: skip
def test_newcombe_at_the_ends(value, sizes, low, high) -> None:
    """With (m + n) / 2 - 2 in the error the first would be 0.72."""
    found = roc.newcombe(value, sizes, confidence=0.95)
    assert (found.low, found.high) == pytest.approx((low, high), abs=5e-4)


@pytest.mark.parametrize("value", [0.2, 0.55, 0.9, 34 / 35])
def test_newcombe_is_a_root_and_knows_no_positive_class(value: float) -> None:
    m, n, z = 5, 7, norm.ppf(0.975)
    found = roc.newcombe(value, [(m, n)], confidence=0.95)
    for limit in (found.low, found.high):
        q = (m + n) / 2 - 1
        error = (
            limit * (1 - limit) / (m * n)
            * (1 + q * (1 - limit) / (2 - limit) + q * limit / (1 + limit))
        ) ** 0.5  # fmt: skip
        assert abs(limit - value) == pytest.approx(z * error, abs=1e-7)
    other = roc.newcombe(1 - value, [(n, m)], confidence=0.95)
    assert (1 - other.high, 1 - other.low) == pytest.approx((found.low, found.high), abs=1e-7)


def test_hanley_and_mcneil() -> None:
    """With m - 1 and n - 1 of their own the error at 0.893, 51 and 58 cases is 0.0325."""
    a, m, n = 0.893, 51, 58
    q1, q2 = a / (2 - a), 2 * a**2 / (1 + a)
    theirs = (a * (1 - a) + (m - 1) * (q1 - a**2) + (n - 1) * (q2 - a**2)) / (m * n)
    assert theirs**0.5 == pytest.approx(0.0325, abs=1e-4)
    assert roc._exponential_variance(a, m, n) == pytest.approx(theirs, rel=0.05)


def test_folds_of_equal_make_nearly_as_sure_as_one_cohort() -> None:
    one = roc.newcombe(0.85, [(30, 50)], confidence=0.95)
    five = roc.newcombe(0.85, [(6, 10)] * 5, confidence=0.95)
    assert one.high - one.low < five.high - five.low < 1.15 * (one.high - one.low)


def test_delong_says_that_it_sees_no_spread() -> None:
    labels, score, _ = cohort(0, 20, 25)
    found = roc.delong_logit(labels, labels * 1.0, confidence=0.95)
    assert found.value == 1 and np.isnan([found.low, found.high]).all()
    assert np.isnan(roc.delong_difference(labels, score, score, confidence=0.95).p)
    found = roc.delong_logit(labels, score, confidence=0.95)
    assert 0 < found.low < found.value < found.high < 1


def test_delong_is_right_about_fixed_scores() -> None:
    """Type I error at 0.05, two scores that are equally good, no training on these patients."""
    rng, labels, rejected = np.random.default_rng(7), np.arange(80) % 2, 0
    for _ in range(1500):
        common = rng.normal(size=80)
        a, b = (common + rng.normal(size=80) + 1.2 * labels for _ in range(2))
        rejected += roc.delong_difference(labels, a, b, confidence=0.95).p <= 0.05
    assert rejected / 1500 == pytest.approx(0.047, abs=0.014)
