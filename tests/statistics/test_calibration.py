"""calibration: against scikit-learn, statsmodels, and simulations of which the truth is known."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import brier_score_loss

from ricenet.statistics import calibration
from ricenet.statistics.logistic import logits


def cohort(n: int, *, stretch: float = 1.0, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Labels that are drawn by probabilities, and these with logits times ``stretch``."""
    rng = np.random.default_rng(seed)
    z = rng.normal(size=n) * 1.5
    labels = (rng.random(n) < 1 / (1 + np.exp(-z))).astype(int)
    return labels, 1 / (1 + np.exp(-stretch * z))


def test_slope_and_intercept_are_those_of_statsmodels() -> None:
    labels, p = cohort(80, stretch=2.0)
    z = np.log(p / (1 - p))
    peer = sm.Logit(labels, sm.add_constant(z)).fit(disp=0)
    large = sm.GLM(labels, np.ones(80), family=sm.families.Binomial(), offset=z).fit()
    found = calibration.slope(labels, p, confidence=0.95)
    assert found.value == pytest.approx(peer.params[1], abs=1e-6)
    assert found[1:] == pytest.approx(peer.conf_int()[1], abs=0.1)  # Wald's, about the same
    assert found.low < found.value < found.high
    intercept = calibration.intercept(labels, p, confidence=0.95)
    assert intercept.value == pytest.approx(large.params[0], abs=1e-6)
    assert intercept[1:] == pytest.approx(large.conf_int()[0], abs=0.05)


def test_a_known_distortion_is_found() -> None:
    labels, p = cohort(20_000, stretch=2.0)
    assert calibration.slope(labels, p, confidence=0.95).value == pytest.approx(0.5, abs=0.02)
    labels, p = cohort(20_000)
    shifted = 1 / (1 + np.exp(-logits(p) - np.log(4)))  # four times the odds: says RICE too often
    found = calibration.intercept(labels, shifted, confidence=0.95)
    assert found.value == pytest.approx(-np.log(4), abs=0.05)


def test_intervals_cover_the_truth() -> None:
    """80 patients, slope 1 and intercept 0: nominal 95 %."""
    covered = np.zeros(2)
    for seed in range(150):
        labels, p = cohort(80, seed=seed)
        slope = calibration.slope(labels, p, confidence=0.95)
        intercept = calibration.intercept(labels, p, confidence=0.95)
        covered += (slope.low <= 1 <= slope.high, intercept.low <= 0 <= intercept.high)
    assert (covered >= 0.9 * 150).all() and (covered < 150).all()


@pytest.mark.parametrize("labels", [[0, 0, 0, 1, 1, 1], [0] * 6])
def test_what_cannot_be_estimated_is_nan(labels: list[int]) -> None:
    p = np.array([0.1, 0.2, 0.3, 0.7, 0.8, 0.9])
    assert np.isnan(calibration.slope(np.array(labels), p, confidence=0.95)).all()
    assert np.isnan(calibration.slope(np.array([0, 1] * 3), np.full(6, 0.3), confidence=0.95)).all()
    constant = calibration.intercept(np.array([0] * 6), p, confidence=0.95)
    assert np.isnan(constant).all()


def test_the_isotonic_curve_is_scikit_learns() -> None:
    labels, p = cohort(60)
    p = np.round(p, 1)  # many ties
    peer = IsotonicRegression(out_of_bounds="clip").fit(p, labels).predict(p)
    assert calibration.recalibrated(labels, p) == pytest.approx(peer)


def test_the_parts_of_the_brier_score_add_up() -> None:
    for seed in range(20):
        labels, p = cohort(40, stretch=3.0, seed=seed)
        found = calibration.corp(labels, p)
        assert found.brier == pytest.approx(brier_score_loss(labels, p))
        parts = found.miscalibration - found.discrimination + found.uncertainty
        assert found.brier == pytest.approx(parts, abs=1e-12)
        assert min(found.miscalibration, found.discrimination) >= 0
        assert found.uncertainty == pytest.approx(labels.mean() * (1 - labels.mean()))


def test_the_smooth_curve_is_the_lowess_of_statsmodels() -> None:
    labels, p = cohort(80)
    for span in (0.4, 0.75):
        peer = sm.nonparametric.lowess(labels, p, frac=span, it=0, delta=0, return_sorted=False)
        assert calibration.smoother(p, p, span=span) @ labels == pytest.approx(peer, abs=1e-3)
    curve = np.clip(calibration.smoother(p, p) @ labels, 0, 1)
    ici = sum(abs(a - b) for a, b in zip(curve, p, strict=True)) / 80
    assert calibration.integrated_index(labels, p) == pytest.approx(ici)


def test_a_curve_of_equal_probabilities_is_their_mean() -> None:
    found = calibration.smoother(np.full(6, 0.3), np.array([0.3])) @ np.array([0, 1, 0, 1, 0, 1])
    assert found == pytest.approx([0.5])


def test_chance_alone_gives_a_p_that_is_no_smaller_than_it_should_be() -> None:
    def parts(name: str):
        return lambda labels, p: getattr(calibration.corp(labels, p), name)

    right, wrong, uninformed = [], [], []
    for seed in range(60):
        rng = np.random.default_rng(1000 + seed)
        labels, p = cohort(60, seed=seed)
        miscalibration = parts("miscalibration")
        right.append(calibration.if_calibrated(miscalibration, labels, p, draws=49, rng=rng))
        labels, p = cohort(60, stretch=4.0, seed=seed)
        wrong.append(calibration.if_calibrated(miscalibration, labels, p, draws=49, rng=rng))
        labels = rng.permutation(labels)
        uninformed.append(
            calibration.if_uninformative(
                parts("discrimination"), labels, p, draws=49, rng=rng
            )
        )  # fmt: skip
    assert np.mean([null.p <= 0.1 for null in right]) <= 0.2
    assert np.mean([null.p <= 0.1 for null in uninformed]) <= 0.2
    assert np.mean([null.p <= 0.1 for null in wrong]) >= 0.8
    assert all(null.mean > 0 for null in right)  # chance alone miscalibrates


def test_the_band_holds_the_curve_of_right_probabilities() -> None:
    rng = np.random.default_rng(5)
    at = np.linspace(0.1, 0.9, 9)
    inside = []
    for seed in range(40):
        labels, p = cohort(80, seed=seed)
        low, high = calibration.consistency_band(p, at, coverage=0.9, draws=100, rng=rng)
        order = np.argsort(p)
        curve = np.interp(at, p[order], calibration.recalibrated(labels, p)[order])
        inside.append((low - 1e-9 <= curve) & (curve <= high + 1e-9))
    assert 0.83 <= np.mean(inside) <= 0.97
