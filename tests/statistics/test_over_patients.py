"""Means over patients against scipy's t test, and how often their intervals cover."""

import numpy as np
import pytest
from scipy import stats
from scipy.special import expit, logit

from ricenet.statistics import over_patients


def test_the_interval_is_scipys():
    values = np.random.default_rng(0).normal(2, 1, 7)
    expected = stats.ttest_1samp(values, 0).confidence_interval(0.9)
    found = over_patients.mean(np.append(values, np.nan), confidence=0.9)
    assert found == pytest.approx((values.mean(), expected.low, expected.high))


def test_fewer_than_six_have_no_interval():
    for of in (over_patients.mean, over_patients.share):
        found = of(np.array([0.1, 0.2, 0.4, 0.2, 0.3]), confidence=0.95)
        assert 0.1 < found.value < 0.4 and np.isnan([found.low, found.high]).all()
        assert np.isnan(of(np.array([np.nan]), confidence=0.95).value)


def test_a_share_stays_a_share():
    values = np.array([0.001, 0.01, 0.002, 0.3, 0.02, 0.004])
    found = over_patients.share(values, confidence=0.95)
    assert 0 < found.low < found.value < found.high < 1
    assert found.value == pytest.approx(expit(logit(values).mean()))
    edge = over_patients.share(np.append(values, 0.0), confidence=0.95)
    assert edge.value == pytest.approx(np.append(values, 0.0).mean()) and np.isnan(edge.low)


@pytest.mark.parametrize("n", [6, 12])
def test_coverage(n):
    rng = np.random.default_rng(1)
    found = [over_patients.share(expit(rng.normal(-2, 1, n)), confidence=0.95) for _ in range(800)]
    assert 0.93 < np.mean([f.low <= expit(-2) <= f.high for f in found]) < 0.97


def test_level_of_controls():
    assert over_patients.level_of_controls(np.arange(101.0)) == 95
    assert np.isnan(over_patients.level_of_controls(np.array([])))
