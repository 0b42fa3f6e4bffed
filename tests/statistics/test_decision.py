"""decision: against loops over patients, and enumeration of all tables."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from ricenet.statistics import decision


def cohort(n: int = 40, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = (np.arange(n) % 5 < 2).astype(int)
    return labels, np.clip(0.3 * labels + 0.6 * rng.random(n), 0, 1)


@pytest.mark.parametrize("threshold", [0.05, 0.3, 0.6])
def test_net_benefit_by_counting(threshold: float) -> None:
    labels, p = cohort()
    true = false = 0
    for label, value in zip(labels, p, strict=True):
        true += value >= threshold and label == 1
        false += value >= threshold and label == 0
    odds = threshold / (1 - threshold)
    found = decision.net_benefit(labels, p, threshold, confidence=0.95)
    assert found.estimate.value == pytest.approx(true / 40 - false / 40 * odds)
    assert found.treat_all == pytest.approx(16 / 40 - 24 / 40 * odds)
    everybody = decision.net_benefit(labels, np.ones(40), threshold, confidence=0.95)
    assert everybody.estimate.value == pytest.approx(found.treat_all)
    assert found.estimate.low < found.estimate.value < found.estimate.high


def test_perfect_and_constant_predictions_have_an_interval() -> None:
    labels, _ = cohort(10)
    for p in (labels.astype(float), np.zeros(10), np.ones(10)):
        found = decision.net_benefit(labels, p, 0.3, confidence=0.95).estimate
        assert found.high - found.low > 0.05
    alone = decision.net_benefit(np.ones(4, int), np.ones(4), 0.3, confidence=0.95)
    assert np.isnan(alone.estimate).all()


@pytest.mark.parametrize(("n1", "n0", "least"), [(5, 7, 0.88), (32, 48, 0.92)])
def test_limits_cover_the_truth(n1: int, n0: int, least: float) -> None:
    """All tables enumerated, class sizes given; nominal 95 %."""
    labels = np.repeat([1, 0], [n1, n0])
    share = n1 / (n1 + n0)
    found = {}
    for tp in range(n1 + 1):
        for fp in range(n0 + 1):
            p = np.concatenate([np.arange(n1) < tp, np.arange(n0) < fp]).astype(float)
            found[tp, fp] = decision.net_benefit(labels, p, 0.3, confidence=0.95).estimate
    for sensitivity, specificity in ((0.6, 0.7), (0.8, 0.8), (0.95, 0.95)):
        truth = share * sensitivity - (1 - share) * (1 - specificity) * 3 / 7
        covered = sum(
            binom.pmf(tp, n1, sensitivity) * binom.pmf(fp, n0, 1 - specificity)
            for (tp, fp), e in found.items()
            if e.low <= truth <= e.high
        )
        assert covered >= least


@pytest.mark.parametrize("cost_ratio", [None, 0.5, 1.0, 4.0])
def test_no_other_threshold_is_better(cost_ratio: float | None) -> None:
    labels, p = cohort(seed=3)

    def cost(threshold: float) -> float:
        missed, false = (
            ((p <= threshold) & (labels == 1)).sum(),
            ((p > threshold) & (labels == 0)).sum(),
        )
        return missed / 16 + false / 24 if cost_ratio is None else cost_ratio * missed + false

    found = decision.best_threshold(labels, p, cost_ratio=cost_ratio)
    assert cost(found) == pytest.approx(min(cost(t) for t in np.linspace(0, 1, 1001)))


def test_of_equal_thresholds_the_one_next_to_a_half() -> None:
    labels, p = np.array([0, 0, 1, 1]), np.array([0.1, 0.2, 0.9, 0.95])
    assert decision.best_threshold(labels, p, cost_ratio=1.0) == pytest.approx(0.55)
    assert decision.best_threshold(labels, np.full(4, 0.3), cost_ratio=None) in (0.0, 1.0)


def test_a_folds_threshold_comes_from_others() -> None:
    labels, p = cohort()
    folds = np.arange(40) % 4
    found = decision.out_of_fold_thresholds(labels, p, folds, cost_ratio=None)
    turned = np.where(folds == 2, 1 - labels, labels)
    other = decision.out_of_fold_thresholds(turned, p, folds, cost_ratio=None)
    assert sorted(found) == [0, 1, 2, 3] and other[2] == found[2]
    by_hand = decision.best_threshold(labels[folds != 1], p[folds != 1], cost_ratio=None)
    assert found[1] == by_hand
