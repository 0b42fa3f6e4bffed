"""logistic: against statsmodels, which estimates in another way."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from scipy.stats import chi2

from ricenet.statistics import logistic


def cohort(n: int = 80, seed: int = 3) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    first, second = rng.normal(size=(2, n)) * 1.5
    labels = (rng.random(n) < 1 / (1 + np.exp(-0.7 * first - 0.4 * second + 0.3))).astype(int)
    return labels, first, second


@pytest.mark.parametrize("offset", [False, True])
def test_coefficients_and_likelihood_are_those_of_statsmodels(offset: bool) -> None:
    labels, first, second = cohort()
    design = np.column_stack([np.ones(80), first])
    given = second if offset else np.zeros(80)
    peer = sm.GLM(labels, design, family=sm.families.Binomial(), offset=given).fit()
    found = logistic.fit(design, labels, given)
    assert found.coefficients == pytest.approx(peer.params, abs=1e-6)
    assert found.log_likelihood == pytest.approx(peer.llf)


def test_gain_is_the_likelihood_ratio_test_of_statsmodels() -> None:
    labels, first, second = cohort()
    ones = np.ones(80)
    alone = sm.Logit(labels, np.column_stack([ones, first])).fit(disp=0)
    both = sm.Logit(labels, np.column_stack([ones, first, second])).fit(disp=0)
    statistic, p = logistic.gain(labels, first, second)
    assert statistic == pytest.approx(2 * (both.llf - alone.llf), abs=1e-6)
    assert both.params[2] > 0 and p == pytest.approx(chi2.sf(statistic, 1) / 2)
    assert logistic.gain(labels, first, -second) == pytest.approx((statistic, 1 - p))


def test_nothing_is_gained_from_what_is_there_already() -> None:
    labels, first, _ = cohort()
    assert logistic.gain(labels, first, first) == pytest.approx((0.0, 0.5), abs=1e-3)


def test_separated_classes_have_no_coefficients() -> None:
    labels = np.array([0, 0, 0, 1, 1, 1])
    found = logistic.fit(np.column_stack([np.ones(6), np.arange(6)]), labels)
    assert np.isnan(found.coefficients).all() and found.log_likelihood == pytest.approx(0, abs=1e-3)


def test_limits_are_where_a_fine_grid_leaves_the_likelihood() -> None:
    labels, first, _ = cohort(30)
    ones = np.ones((30, 1))
    best = logistic.fit(np.column_stack([ones, first]), labels)
    value = float(best.coefficients[1])

    def profile(at: float) -> float:
        return logistic.fit(ones, labels, at * first).log_likelihood

    low, high = logistic.likelihood_limits(
        value, best.log_likelihood, profile, confidence=0.95
    )[1:]  # fmt: skip
    grid = np.linspace(-1, 4, 2001)
    kept = [b for b in grid if 2 * (best.log_likelihood - profile(b)) <= 3.841459]
    assert (low, high) == pytest.approx((min(kept), max(kept)), abs=0.005)


def test_probabilities_of_0_and_1_have_logits() -> None:
    found = logistic.logits(np.array([0.0, 0.5, 1.0]))
    assert np.isfinite(found).all() and found[1] == 0 and found[0] == pytest.approx(-found[2])
