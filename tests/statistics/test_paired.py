"""paired: against statsmodels, published intervals, likelihoods maximised by search, simulation."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize_scalar
from scipy.stats import norm
from sklearn.metrics import f1_score
from statsmodels.stats.contingency_tables import mcnemar

from ricenet.statistics import paired

Z = norm.ppf(0.975)


@pytest.mark.parametrize("seed", range(4))
def test_mcnemar_is_that_of_statsmodels(seed: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = rng.random(30) < 0.8, rng.random(30) < 0.6
    found = paired.mcnemar(a, b)
    assert found.p == pytest.approx(mcnemar(pd.crosstab(a, b).to_numpy(), exact=True).pvalue)
    discordant = found.only_first + found.only_second
    assert discordant == int((a != b).sum())
    assert found.smallest_p == pytest.approx(2 * 0.5**discordant)


def discordant(b: int, c: int) -> paired.McNemar:
    return paired.mcnemar(np.repeat([True, False], [b, c]), np.repeat([False, True], [b, c]))


def test_mcnemar_of_published_counts() -> None:
    assert discordant(9, 2).p == pytest.approx(0.06543, abs=5e-6)
    # approval of a prime minister, Agresti, Categorical Data Analysis, table 10.1
    assert discordant(86, 150).p == pytest.approx(3.716e-5, abs=5e-9)
    assert discordant(0, 0) == (0, 0, 1, 1)


@pytest.mark.parametrize("n", [1, 12, 80])
def test_tango_without_discordant_patients(n: int) -> None:
    found = paired.tango(0, 0, n, confidence=0.95)
    end = Z**2 / (n + Z**2)
    assert found == pytest.approx((0, -end, end), abs=1e-6)


def test_tango_of_published_counts() -> None:
    # Agresti's approval data, as above; Tango's own cross-over trial of 44 contact lenses
    found = paired.tango(150, 86, 1600, confidence=0.95)
    assert found == pytest.approx((0.04, 0.021, 0.059), abs=5e-4)
    found = paired.tango(0, 1, 44, confidence=0.95)
    assert found == pytest.approx((-1 / 44, -0.118, 0.059), abs=1e-3)


@pytest.mark.parametrize(("b", "c", "n"), [(3, 1, 12), (0, 4, 12), (9, 2, 20), (11, 7, 80)])
def test_tango_is_a_score_test_turned_round(b: int, c: int, n: int) -> None:
    """At a limit the score test, its likelihood maximised by search, is z from rejection."""
    found = paired.tango(b, c, n, confidence=0.95)
    for delta in (found.low, found.high):

        def minus_likelihood(p: float, delta: float = delta) -> float:  # p: only second right
            cells = np.array([p + delta, p, 1 - 2 * p - delta])
            return -float((np.array([b, c, n - b - c]) * np.log(np.maximum(cells, 1e-300))).sum())

        bounds = (max(0.0, -delta), (1 - delta) / 2)
        p = minimize_scalar(
            minus_likelihood, bounds=bounds, method="bounded", options={"xatol": 1e-12}
        ).x
        score = (b - c - n * delta) / np.sqrt(n * (2 * p + delta - delta**2))
        assert abs(score) == pytest.approx(Z, abs=1e-3)


@pytest.mark.parametrize("n", [1, 2, 5])
def test_tango_of_all_tables(n: int) -> None:
    for b in range(n + 1):
        for c in range(n + 1 - b):
            found = paired.tango(b, c, n, confidence=0.95)
            assert -1 <= found.low <= found.value <= found.high <= 1
            assert found.high - found.low > 0.1
            mirrored = paired.tango(c, b, n, confidence=0.95)
            assert (-mirrored.high, -mirrored.low) == pytest.approx(found[1:], abs=1e-6)
    assert np.isnan(paired.tango(0, 0, 0, confidence=0.95)).all()


def difference(labels, first, second, draws: int = 2000, seed: int = 0):
    return paired.macro_f1_difference(
        labels, first, second, draws=draws, confidence=0.95, seed=seed
    )


def test_macro_f1_difference_is_that_of_scikit_learn_and_has_a_width() -> None:
    labels = np.array([0, 1] * 6)
    first = np.array([0, 1, 1, 1, 0, 0] * 2)
    found = difference(labels, first, labels)
    f1 = [f1_score(labels, p, average="macro") for p in (first, labels)]
    assert found.value == pytest.approx(f1[0] - f1[1]) and found.low < found.value < found.high
    same = difference(labels, first, first)
    assert same.value == 0 and same.low < -0.1 and same.high > 0.1
    assert same == difference(labels, first, first)
    assert np.isnan(difference(labels[:1], first[:1], first[:1])).all()
