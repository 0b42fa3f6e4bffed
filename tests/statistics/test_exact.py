"""exact: against values of the specification, closed forms, enumeration, a search on a grid."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import beta, binom
from sklearn.metrics import f1_score

from ricenet.statistics import exact
from ricenet.statistics.metrics import Estimate

FIGURES = [exact.macro_f1, exact.balanced_accuracy, exact.ppv, exact.npv]


def limits(figure, tp, tn, n1, n0, *, prevalence=None, confidence=0.95) -> Estimate:
    share = n1 / (n1 + n0) if prevalence is None else prevalence
    table = exact.Table(tp, tn, n1, n0)
    return exact.estimate(figure, table, prevalence=share, confidence=confidence)


@pytest.mark.parametrize(
    ("table", "low", "high"),
    [
        ((5, 7, 5, 7), "0.7287", "1"), ((5, 6, 5, 7), "0.6351", "0.9978"),
        ((4, 7, 5, 7), "0.6045", "0.9978"), ((5, 5, 5, 7), "0.5466", "0.9786"),
        ((32, 48, 32, 48), "0.9531", "1"), ((2, 7, 5, 7), "0.41", "0.94"),
        ((1, 1, 1, 1), "0.158", "1"), ((2, 4, 2, 4), "0.511", "1"), ((4, 4, 4, 4), "0.6306", "1"),
        ((15, 15, 15, 15), "0.8843", "1"), ((0, 4, 2, 4), "0.12", "0.94"),
        ((0, 1, 1, 1), "0.01", "0.99"),
    ],
)  # fmt: skip
def test_limits_of_macro_f1_are_those_of_the_specification(table, low, high) -> None:
    """Its coarser search gives 0.5467, 0.9976 and 0.93 where 0.5466, 0.9978 and 0.94 stand."""
    found = limits(exact.macro_f1, *table)
    for limit, printed in ((found.low, low), (found.high, high)):
        digits = len(printed.partition(".")[2])
        assert round(limit, digits) == float(printed)


@pytest.mark.parametrize(("n1", "n0"), [(1, 1), (5, 7), (4, 4), (15, 15), (32, 48)])
def test_a_perfect_score_has_a_closed_form(n1: int, n0: int) -> None:
    """Its lower limit is the least macro F1 on se^n1 sp^n0 = 0.025."""
    sensitivity = 0.025 ** (np.linspace(0, 1, 200_001) / n1)
    specificity = (0.025 / sensitivity**n1) ** (1 / n0)
    tp, tn = n1 * sensitivity, n0 * specificity
    wrong = n1 - tp + n0 - tn
    f1 = (2 * tp / (2 * tp + wrong) + 2 * tn / (2 * tn + wrong)) / 2
    assert limits(exact.macro_f1, n1, n0, n1, n0).low == pytest.approx(f1.min(), abs=1e-6)


@pytest.mark.parametrize("figure", FIGURES)
@pytest.mark.parametrize("table", [(4, 6, 5, 7), (0, 7, 5, 7), (5, 0, 5, 7), (3, 3, 3, 9)])
def test_limits_are_the_extremes_of_a_search_over_all_rates(figure, table) -> None:
    """Every pair of rates on a grid, with the probability summed table by table."""
    tp, tn, n1, n0 = table
    prevalence = n1 / (n1 + n0)
    found = limits(figure, *table)
    rise, fall = exact._orders(figure, exact.Table(*table), prevalence, 0.95)
    grid = np.linspace(0.002, 0.998, 250)
    se, sp = np.meshgrid(grid, grid, indexing="ij")
    better, worse = np.zeros_like(se), np.zeros_like(se)
    for a in range(n1 + 1):
        for b in range(n0 + 1):
            p = binom.pmf(a, n1, se) * binom.pmf(b, n0, sp)
            better += p * (rise[a, b] >= rise[tp, tn] - 1e-12)
            worse += p * (fall[a, b] <= fall[tp, tn] + 1e-12)
    value = figure(se, sp, prevalence)
    assert found.low <= value[better > 0.025].min() + 1e-6
    assert found.high >= value[worse > 0.025].max() - 1e-6
    assert found.low == pytest.approx(value[better > 0.025].min(), abs=0.02)
    assert found.high == pytest.approx(value[worse > 0.025].max(), abs=0.02)


@pytest.mark.parametrize("figure", FIGURES)
@pytest.mark.parametrize(("n1", "n0"), [(5, 7), (2, 4)])
def test_coverage_is_never_below_its_name(figure, n1: int, n0: int) -> None:
    """All tables enumerated, so without chance; the smallest over a grid of rates."""
    every = [(a, b) for a in range(n1 + 1) for b in range(n0 + 1)]
    found = {(a, b): limits(figure, a, b, n1, n0, prevalence=0.3) for a, b in every}
    for se in (0.05, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98):
        for sp in (0.05, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98):
            truth = float(figure(np.array(se), np.array(sp), 0.3))
            covers = sum(
                binom.pmf(a, n1, se) * binom.pmf(b, n0, sp)
                for (a, b), e in found.items()
                if e.low - 1e-6 <= truth <= e.high + 1e-6
            )
            assert covers >= 0.95


@pytest.mark.parametrize("figure", [exact.macro_f1, exact.balanced_accuracy])
def test_limits_rise_with_the_score(figure) -> None:
    found = sorted(limits(figure, a, b, 5, 7) for a in range(6) for b in range(8))
    for limit in ("low", "high"):
        steps = np.diff([getattr(e, limit) for e in found])
        assert steps.min() > -1e-6


@pytest.mark.parametrize("figure", [exact.ppv, exact.npv])
def test_limits_of_predictive_values_rise_with_each_right_answer(figure) -> None:
    low, high = (
        np.array([[limits(figure, a, b, 5, 7)[k] for b in range(8)] for a in range(6)])
        for k in (1, 2)
    )
    for array in (low, high):
        assert min(np.diff(array, axis=axis).min() for axis in (0, 1)) > -1e-6


def test_the_other_class_has_the_same_limits() -> None:
    """With the classes swapped all stays: macro F1 has no positive class, PPV becomes NPV."""
    for figure, other in ((exact.macro_f1, exact.macro_f1), (exact.ppv, exact.npv)):
        mine = limits(figure, 4, 6, 5, 7, prevalence=5 / 12)
        swapped = limits(other, 6, 4, 7, 5, prevalence=7 / 12)
        assert mine == pytest.approx(swapped, abs=1e-5)


def test_values_are_those_of_counts_and_of_scikit_learn() -> None:
    labels = [1] * 5 + [0] * 7
    predicted = [1] * 4 + [0] * 5 + [1] * 3
    assert limits(exact.macro_f1, 4, 4, 5, 7).value == pytest.approx(
        f1_score(labels, predicted, average="macro")
    )
    assert limits(exact.ppv, 4, 4, 5, 7).value == pytest.approx(4 / 7)
    assert limits(exact.npv, 4, 4, 5, 7).value == pytest.approx(4 / 5)
    assert limits(exact.balanced_accuracy, 4, 4, 5, 7).value == pytest.approx((4 / 5 + 4 / 7) / 2)


@pytest.mark.parametrize(("prevalence", "ppv"), [(0.4, 0.78), (0.18, 0.54), (0.1, 0.37)])
def test_a_predictive_value_falls_with_the_prevalence(prevalence: float, ppv: float) -> None:
    found = exact.ppv(np.array(0.8), np.array(0.85), prevalence)
    assert float(found) == pytest.approx(ppv, abs=0.006)


def test_one_rate_known_gives_the_limits_of_clopper_and_pearson() -> None:
    """With a specificity that stays 1, the PPV's place is taken by a plain proportion."""
    event = np.arange(6)[:, None] >= np.array([[4]])  # 4 or 5 of 5; no case of the other class
    sensitivity = np.linspace(0, 1, 100_001)
    edge = exact._edge(event, sensitivity, 0.025)
    assert sensitivity[~np.isnan(edge)].min() == pytest.approx(beta.ppf(0.025, 4, 2), abs=2e-5)


@pytest.mark.parametrize("figure", FIGURES)
def test_without_a_class_nothing_is_known(figure) -> None:
    for table in ((3, 0, 3, 0), (0, 3, 0, 3), (0, 0, 0, 0)):
        assert np.isnan(limits(figure, *table, prevalence=0.5)).all()


def test_where_nobody_is_called_rice_the_predictive_value_may_be_anything() -> None:
    found = limits(exact.ppv, 0, 7, 5, 7)
    assert np.isnan(found.value) and (found.low, found.high) == (0, 1)
