"""Two classifiers on the same patients: differences with intervals, exact McNemar test.

``right`` arrays are (N,) bool, True where a classifier is right. Patients about whom both are
right, or both wrong, tell nothing of the difference; those with one right answer are *discordant*.
"""

from __future__ import annotations

from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.stats import binomtest

from ricenet.statistics import exact
from ricenet.statistics.confusion import macro_f1
from ricenet.statistics.metrics import Estimate

NAN = float("nan")
EDGE = 1e-9
PRIOR = 0.5  # cases added to each of the four cells of a class (Jeffreys)


class McNemar(NamedTuple):
    """Discordant patients and the exact test.

    Attributes
    ----------
    only_first, only_second : int
        Patients whom only this classifier gets right.
    p : float
        Two-sided.
    smallest_p : float
        What the test would say if all of them spoke for one side.
    """

    only_first: int
    only_second: int
    p: float
    smallest_p: float


def mcnemar(first_right: NDArray, second_right: NDArray) -> McNemar:
    """Compare two classifiers by the exact McNemar test (Psychometrika 12:153, 1947)."""
    first, second = np.asarray(first_right, bool), np.asarray(second_right, bool)
    b, c = int((first & ~second).sum()), int((second & ~first).sum())
    return McNemar(b, c, *(float(binomtest(k, b + c).pvalue) if b + c else 1.0 for k in (b, 0)))


def tango(only_first: int, only_second: int, n: int, *, confidence: float) -> Estimate:
    """Estimate the difference of two paired proportions (Tango, Stat Med 17:891, 1998).

    The limits are the differences that a score test does not reject. So there is an interval even
    without a discordant patient: it ends at z^2 / (n + z^2) on both sides.

    Parameters
    ----------
    only_first, only_second : int
        Patients whom only the first, only the second classifier gets right.
    n : int
        All patients.
    """
    if n == 0:
        return Estimate(NAN, NAN, NAN)
    b, c, z = only_first, only_second, NormalDist().inv_cdf((1 + confidence) / 2)
    value = (b - c) / n

    def distance(delta: float) -> float:
        # probability of the second alone being right, most likely where the difference is delta
        linear = (2 * n - b + c) * delta - b - c
        root = np.sqrt(max(0.0, linear**2 + 8 * n * c * delta * (1 - delta)))
        second = max(0.0, (root - linear) / (4 * n))
        variance = max(0.0, n * (2 * second + delta * (1 - delta)))
        return float(abs(b - c - n * delta) - z * np.sqrt(variance))

    # without discordant patients the value is a root of its own: stay clear of it
    low = -1.0 if value <= -1 else float(brentq(distance, -1.0, value - EDGE))
    high = 1.0 if value >= 1 else float(brentq(distance, value + EDGE, 1.0))
    return Estimate(value, low, high)


def macro_f1_difference(
    labels: NDArray,
    first: NDArray,
    second: NDArray,
    *,
    draws: int,
    confidence: float,
    seed: int,
) -> Estimate:
    """Estimate the difference of two macro F1 on the same patients.

    No exact limits are known for it. These are quantiles of the posterior of the four cells (both
    right, one, the other, none) of each class, with Jeffreys' prior: unlike a bootstrap it has a
    spread where nobody is discordant.

    Parameters
    ----------
    labels, first, second : (N,) int array
        True classes, and those by the two classifiers.
    draws : int
        From the posterior.
    """
    labels, first, second = (np.asarray(a) for a in (labels, first, second))
    value = macro_f1(labels, first) - macro_f1(labels, second)
    if np.isnan(value):
        return Estimate(NAN, NAN, NAN)
    rng = np.random.default_rng(seed)
    rates = []  # of both classifiers in class 1, then in class 0
    for label in (1, 0):
        own = labels == label
        a, b = first[own] == label, second[own] == label
        cells = [(a & b).sum(), (a & ~b).sum(), (~a & b).sum(), (~a & ~b).sum()]
        drawn = rng.dirichlet(np.array(cells) + PRIOR, draws)  # (D, 4)
        rates.append((drawn[:, 0] + drawn[:, 1], drawn[:, 0] + drawn[:, 2]))
    share = float((labels == 1).mean())
    differences = exact.macro_f1(rates[0][0], rates[1][0], share)
    differences = differences - exact.macro_f1(rates[0][1], rates[1][1], share)
    tail = (1 - confidence) / 2
    low, high = np.quantile(differences, [tail, 1 - tail])
    return Estimate(value, min(value, float(low)), max(value, float(high)))
