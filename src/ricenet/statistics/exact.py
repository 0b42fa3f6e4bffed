"""Exact confidence limits of figures that follow from sensitivity and specificity.

For macro F1, balanced accuracy and predictive values there is no closed formula as for a
proportion, and resampling fails where few cases are right or wrong: a perfect score has no spread.
So all tables that the class sizes allow are put in the order of the figure, and a limit is the
figure's extreme over all pairs of sensitivity and specificity under which the observed table, or a
more extreme one, is not too rare (Buehler, J Am Stat Assoc 52:482, 1957). Such limits cover the
truth at least as often as they say, at any number of cases, class sizes given.

Sensitivity and specificity are those of RICE as the positive class; all rates are dimensionless.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, xlog1py, xlogy

from ricenet.statistics.metrics import Estimate

# a figure of merit, of sensitivity, specificity and prevalence
Formula = Callable[[NDArray, NDArray, float], NDArray]
COARSE, FINE, ROUNDS, HALVINGS = 65, 33, 3, 30
DECIMALS = 6  # to which limits are right, and the same on every machine


def macro_f1(sensitivity: NDArray, specificity: NDArray, prevalence: float) -> NDArray:
    """Return the mean of both classes' F1, with the prevalence of RICE among the cases."""
    tp, tn = prevalence * sensitivity, (1 - prevalence) * specificity
    fp, fn = 1 - prevalence - tn, prevalence - tp
    return tp / (2 * tp + fp + fn) + tn / (2 * tn + fp + fn)


def balanced_accuracy(sensitivity: NDArray, specificity: NDArray, prevalence: float) -> NDArray:
    """Return the mean of sensitivity and specificity; the prevalence does not count."""
    return (sensitivity + specificity) / 2


def ppv(sensitivity: NDArray, specificity: NDArray, prevalence: float) -> NDArray:
    """Return the positive predictive value of RICE; NaN if nobody is predicted to have it."""
    rice, others = prevalence * sensitivity, (1 - prevalence) * (1 - specificity)
    with np.errstate(invalid="ignore"):
        return np.divide(rice, rice + others)


def npv(sensitivity: NDArray, specificity: NDArray, prevalence: float) -> NDArray:
    """Return the predictive value of recurrence; NaN if nobody is predicted to have it."""
    return ppv(specificity, sensitivity, 1 - prevalence)


class Table(NamedTuple):
    """Correct predictions and cases of each class."""

    true_positive: int
    true_negative: int
    positive: int
    negative: int


@lru_cache(maxsize=4096)
def estimate(figure: Formula, table: Table, *, prevalence: float, confidence: float) -> Estimate:
    """Estimate a figure with its exact limits.

    Parameters
    ----------
    figure : function
        :func:`macro_f1`, :func:`balanced_accuracy`, :func:`ppv` or :func:`npv`; it must rise with
        both rates.
    table : Table
        Counts. NaN without cases of both classes.
    prevalence : float
        Of RICE: for macro F1 that of the cases, for predictive values any.
    confidence : float
        Of the two-sided interval; each limit errs with half of the rest.

    Returns
    -------
    Estimate
        The value is NaN where the figure is not defined; its limits stand even then.
    """
    tp, tn, n1, n0 = table
    if n1 == 0 or n0 == 0:
        return Estimate(float("nan"), float("nan"), float("nan"))
    value = float(figure(np.array(tp / n1), np.array(tn / n0), prevalence))
    tail = (1 - confidence) / 2
    rise, fall = _orders(figure, table, prevalence, confidence)

    def mirrored(sensitivity: NDArray, specificity: NDArray, share: float) -> NDArray:
        return -figure(1 - sensitivity, 1 - specificity, share)

    better, worse = rise >= rise[tp, tn] - 1e-12, fall <= fall[tp, tn] + 1e-12
    low = _least(figure, better, prevalence, tail, if_undefined=0.0)
    # the upper limit is a lower one of the wrong answers' rates
    high = -_least(mirrored, worse[::-1, ::-1], prevalence, tail, if_undefined=-1.0)
    return Estimate(value, *(round(min(1.0, max(0.0, x)), DECIMALS) for x in (low, high)))


def _orders(
    figure: Formula, table: Table, prevalence: float, confidence: float
) -> tuple[NDArray, NDArray]:
    """Return what orders the tables for the lower and for the upper limit.

    Any order gives limits that cover, a good one narrow limits. For macro F1 and balanced accuracy
    it is the figure itself. A predictive value of 1 may come of one call or of many, so those are
    ordered by the limits of their likelihood ratio that a normal approximation gives.

    Returns
    -------
    (n1 + 1, n0 + 1) float arrays
        By the right answers of both classes; they never fall with either.
    """
    right, n1, n0 = np.arange, table.positive, table.negative
    tp, tn = right(n1 + 1)[:, None], right(n0 + 1)[None, :]
    if figure not in (ppv, npv):
        rank = figure(tp / n1, tn / n0, prevalence)
        return rank, rank
    own, other = (tp, n0 - tn) if figure is ppv else (tn, n1 - tp)
    n_own, n_other = (n1, n0) if figure is ppv else (n0, n1)
    ratio = np.log((own + 0.5) / (n_own + 1) * (n_other + 1) / (other + 0.5))
    variance = 1 / (own + 0.5) - 1 / (n_own + 1) + 1 / (other + 0.5) - 1 / (n_other + 1)
    half = NormalDist().inv_cdf((1 + confidence) / 2) * np.sqrt(variance)
    low, high = ratio - half, ratio + half
    for axis in (0, 1):  # the approximation falls at the ends, the order must not
        low = np.maximum.accumulate(low, axis=axis)
        high = np.flip(np.minimum.accumulate(np.flip(high, axis), axis=axis), axis)
    return low + 1e-6 * ratio, high + 1e-6 * ratio  # no two alike by that


def _least(
    figure: Formula, event: NDArray, prevalence: float, tail: float, *, if_undefined: float
) -> float:
    """Return a figure's least value where an event is more probable than ``tail``.

    Parameters
    ----------
    event : (n1 + 1, n0 + 1) bool array
        Tables; with each one also those with more right answers.
    if_undefined : float
        The figure's least value, for rates at which it is not defined.
    """

    def by_sensitivity(sensitivity: NDArray) -> NDArray:
        return at(sensitivity, _edge(event, sensitivity, tail))

    def by_specificity(specificity: NDArray) -> NDArray:
        return at(_edge(event.T, specificity, tail), specificity)

    def at(sensitivity: NDArray, specificity: NDArray) -> NDArray:
        found = figure(sensitivity, specificity, prevalence)
        found = np.where(np.isnan(found), if_undefined, found)
        return np.where(np.isnan(sensitivity + specificity), np.inf, found)

    # both ways: the least value may lie where one rate is 0 or 1, which a grid of the other misses
    return min(_searched(by_sensitivity), _searched(by_specificity))


def _searched(function: Callable[[NDArray], NDArray]) -> float:
    """Return the least value of a function on 0 to 1, by successive refinement of a grid."""
    start, stop, points, best = 0.0, 1.0, COARSE, np.inf
    for _ in range(1 + ROUNDS):
        grid = np.linspace(start, stop, points)
        values = function(grid)
        i = int(np.argmin(values))
        best = min(best, float(values[i]))
        start, stop, points = grid[max(0, i - 1)], grid[min(points - 1, i + 1)], FINE
    return best


def _edge(event: NDArray, sensitivity: NDArray, tail: float) -> NDArray:
    """Return the least specificity at which the event is more probable than ``tail``.

    One for each sensitivity; NaN where none is enough. Found by halving: the probability rises.
    With the event transposed the two rates change places.
    """
    n1, n0 = event.shape[0] - 1, event.shape[1] - 1
    weight = binomial(n1, sensitivity) @ event  # (S, n0 + 1), given the right answers of class 0

    def probability(specificity: NDArray) -> NDArray:
        return (weight * binomial(n0, specificity)).sum(axis=1)

    low, high = np.zeros_like(sensitivity), np.ones_like(sensitivity)
    possible, always = probability(high) > tail, probability(low) > tail
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        enough = probability(middle) > tail
        low, high = np.where(enough, low, middle), np.where(enough, middle, high)
    return np.where(always, 0.0, np.where(possible, high, np.nan))


def binomial(n: int, rate: NDArray) -> NDArray:
    """Return the probabilities of 0 to ``n`` successes: (S, n + 1) array of the (S,) rates."""
    k, rate = np.arange(n + 1), np.asarray(rate)[:, None]
    return np.exp(_log_ways(n) + xlogy(k, rate) + xlog1py(n - k, -rate))


@lru_cache
def _log_ways(n: int) -> NDArray:
    k = np.arange(n + 1)
    return gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)
