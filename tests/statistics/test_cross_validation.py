"""cross_validation: by hand, and as the posterior of the correlated t test."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import t

from ricenet.statistics.cross_validation import nadeau_bengio, no_narrower
from ricenet.statistics.metrics import Estimate

FOLDS = [0.7, 0.8, 0.75, 0.9, 0.6]


def test_five_folds_by_hand() -> None:
    found = nadeau_bengio(FOLDS, confidence=0.95)
    mean, sd = 0.75, np.std(FOLDS, ddof=1)
    error = sd * np.sqrt(1 / 5 + 1 / 4)
    assert found[:2] == pytest.approx((mean, sd)) and found.folds == 5
    assert (found.low, found.high) == pytest.approx(
        (mean - 2.776445 * error, mean + 2.776445 * error), abs=1e-6
    )
    assert found.p == pytest.approx(2 * t.sf(mean / error, 4))


def test_it_is_the_posterior_of_a_correlated_t_test() -> None:
    """Corani and Benavoli, Mach Learn 100:285, 2015: folds correlate by 1 / K."""
    rho = 1 / 5
    scale = np.sqrt(np.var(FOLDS, ddof=1) * (1 / 5 + rho / (1 - rho)))
    low, high = t.interval(0.9, 4, np.mean(FOLDS), scale)
    found = nadeau_bengio(FOLDS, confidence=0.9)
    assert (found.low, found.high) == pytest.approx((low, high))


@pytest.mark.parametrize("values", [[0.4, 0.4], [0.4], [], [0.4, np.nan, 0.6], [np.nan] * 4])
def test_below_three_folds_there_is_no_deviation(values: list[float]) -> None:
    found = nadeau_bengio(values, confidence=0.95)
    assert np.isnan([found.sd, found.low, found.high, found.p]).all()
    assert found.folds == np.isfinite(values).sum()


def test_equal_folds_have_no_interval() -> None:
    found = nadeau_bengio([1.0, 1.0, 1.0], confidence=0.95)
    assert found.value == 1 and found.sd == 0 and np.isnan([found.low, found.high, found.p]).all()


def test_a_fold_without_the_figure_is_left_out_and_does_not_make_training_sets_larger() -> None:
    found = nadeau_bengio([*FOLDS[:4], np.nan], confidence=0.95)
    error = np.std(FOLDS[:4], ddof=1) * np.sqrt(1 / 4 + 1 / 4)
    assert found.high - found.value == pytest.approx(t.ppf(0.975, 3) * error)


def test_folds_that_agree_are_no_reason_to_be_surer() -> None:
    agree = nadeau_bengio([0.37, 0.375, 0.38, 0.375, 0.37], confidence=0.95)
    assert agree.high - agree.low < 0.02
    assert no_narrower(agree, Estimate(0.375, 0.28, 0.49)) == (0.28, 0.49)
    differ = nadeau_bengio(FOLDS, confidence=0.95)
    assert no_narrower(differ, Estimate(0.75, 0.7, 0.8)) == (differ.low, differ.high)
    assert no_narrower(differ, Estimate(0.75, np.nan, np.nan)) == (differ.low, differ.high)
