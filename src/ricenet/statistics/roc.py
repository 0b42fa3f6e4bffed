"""The area under the ROC curve (AUC), its intervals and differences.

Labels are (N,) int arrays of 0 (recurrence) and 1 (RICE), scores (N,) or (K, N) float arrays that
are larger for RICE. ``folds`` is an (N,) array: only patients of the same fold are compared, as the
models of different folds need not share a scale. Without it all are one fold. A fold counts by its
pairs of patients of different classes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from ricenet.statistics.metrics import Estimate

NAN = float("nan")
EDGE = 1e-9


class Areas(NamedTuple):
    """AUC of K scores and their covariance; NaN without pairs, or with one case of a class."""

    values: NDArray  # (K,)
    covariance: NDArray  # (K, K)


def placements(labels: NDArray, scores: NDArray) -> tuple[NDArray, NDArray]:
    """Return how often each RICE stands above the others, and each of the others below a RICE.

    Returns
    -------
    (K, P) and (K, N - P) float array
        Ties count half; NaN where the other class is empty.
    """
    labels, scores = np.asarray(labels), np.atleast_2d(scores)
    rice, others = scores[:, labels == 1, None], scores[:, None, labels == 0]
    above = (rice > others) + 0.5 * (rice == others)  # (K, P, N - P)
    if above.size == 0:
        return np.full(above.shape[:2], NAN), np.full((above.shape[0], above.shape[2]), NAN)
    return above.mean(axis=2), above.mean(axis=1)


def class_sizes(labels: NDArray, folds: NDArray | None = None) -> list[tuple[int, int]]:
    """Return the numbers of RICE and recurrence in each fold that has both."""
    return [
        (int((labels[own] == 1).sum()), int((labels[own] == 0).sum()))
        for own in _folds(labels, folds)
    ]


def _folds(labels: NDArray, folds: NDArray | None) -> Iterator[NDArray]:
    """Yield the members of each fold that has both classes, as (N,) bool arrays."""
    labels = np.asarray(labels)
    folds = np.zeros(len(labels)) if folds is None else np.asarray(folds)
    for fold in np.unique(folds):
        own = folds == fold
        if len(np.unique(labels[own])) == 2:
            yield own


def _weights(sizes: Sequence[tuple[int, int]]) -> NDArray:
    pairs = np.array([m * n for m, n in sizes], dtype=float)
    return pairs / pairs.sum()


def deviation_by_chance(sizes: Sequence[tuple[int, int]]) -> float:
    """Return the standard deviation of the AUC of an uninformative score without ties.

    Its mean is 0.5 (Mann and Whitney, Ann Math Stat 18:50, 1947). Over several folds the variances
    add up by the squares of their weights.

    Parameters
    ----------
    sizes : sequence of (int, int)
        RICE and recurrence of each fold, as from :func:`class_sizes`.
    """
    if not sizes:
        return NAN
    variance = np.array([(m + n + 1) / (12 * m * n) for m, n in sizes])
    return float(np.sqrt((_weights(sizes) ** 2 * variance).sum()))


def p_by_chance(area: float, sizes: Sequence[tuple[int, int]]) -> float:
    """Return the two-sided p of an area under an uninformative score, by a normal approximation."""
    return 2 * NormalDist().cdf(-abs(area - 0.5) / deviation_by_chance(sizes)) if sizes else NAN


def delong(labels: NDArray, scores: NDArray, folds: NDArray | None = None) -> Areas:
    """Return AUCs and their covariance by DeLong's method (Biometrics 44:837, 1988)."""
    labels, scores = np.asarray(labels), np.atleast_2d(scores)
    members = list(_folds(labels, folds))
    k = len(scores)
    if not members:
        return Areas(np.full(k, NAN), np.full((k, k), NAN))
    values, covariance = np.zeros(k), np.zeros((k, k))
    for own, weight in zip(members, _weights(class_sizes(labels, folds)), strict=True):
        of_fold = placements(labels[own], scores[:, own])
        values += weight * of_fold[0].mean(axis=1)
        for placed in of_fold:
            n = placed.shape[1]
            own_part = np.cov(placed, ddof=1).reshape(k, k) / n if n > 1 else np.full((k, k), NAN)
            covariance += weight**2 * own_part
    return Areas(values, covariance)


def delong_logit(
    labels: NDArray, score: NDArray, folds: NDArray | None = None, *, confidence: float
) -> Estimate:
    """Estimate the AUC with DeLong's interval, normal on the scale of the logit.

    There is no interval, NaN, where the scores separate the classes perfectly: the method sees
    no spread then. Meant for 40 patients and more.
    """
    areas = delong(labels, score, folds)
    value, variance = float(areas.values[0]), float(areas.covariance[0, 0])
    if not (0 < value < 1 and variance > 0):
        return Estimate(value, NAN, NAN)
    half = _z(confidence) * np.sqrt(variance) / (value * (1 - value))
    logit = np.log(value / (1 - value))
    low, high = (float(1 / (1 + np.exp(-(logit + sign * half)))) for sign in (-1, 1))
    return Estimate(value, low, high)


class Difference(NamedTuple):
    """A difference of two AUCs, its interval and two-sided p."""

    value: float
    low: float
    high: float
    p: float


def delong_difference(
    labels: NDArray,
    first: NDArray,
    second: NDArray,
    folds: NDArray | None = None,
    *,
    confidence: float,
) -> Difference:
    """Compare the AUCs of two scores of the same patients; NaN where their variance is zero."""
    areas = delong(labels, np.stack([first, second]), folds)
    value = float(areas.values[0] - areas.values[1])
    variance = float(np.array([1, -1]) @ areas.covariance @ np.array([1, -1]))
    if not variance > 1e-15:
        return Difference(value, NAN, NAN, NAN)
    error = float(np.sqrt(variance))
    half = _z(confidence) * error
    p = 2 * NormalDist().cdf(-abs(value) / error)
    return Difference(value, max(-1.0, value - half), min(1.0, value + half), p)


def newcombe(value: float, sizes: Sequence[tuple[int, int]], *, confidence: float) -> Estimate:
    """Give an AUC its interval by method 5 of Newcombe (Stat Med 25:559, 2006).

    The limits are the areas that lie ``z`` standard errors from the value, where the error is that
    of the limit itself, by the formula of Hanley and McNeil (Radiology 143:29, 1982) for
    exponential scores with both ``m - 1`` and ``n - 1`` replaced by ``(m + n) / 2 - 1``. So there
    is an interval even where the classes are parted without an error. Over several folds the
    variances add up by the squares of the folds' weights.

    Parameters
    ----------
    value : float
        AUC, the mean over the folds by their pairs.
    sizes : sequence of (int, int)
        RICE and recurrence of each fold, as from :func:`class_sizes`.
    """
    if not sizes or np.isnan(value):
        return Estimate(NAN, NAN, NAN)
    z, weights = _z(confidence), _weights(sizes)

    def error(area: float) -> float:
        pairs = zip(weights, sizes, strict=True)
        return z * float(np.sqrt(sum(w**2 * _exponential_variance(area, *s) for w, s in pairs)))

    # a root of its own lies at an area of 0 or 1, which has no error: stay clear of it
    inside = min(max(value, EDGE), 1 - EDGE)
    low = brentq(lambda a: value - a - error(a), 0.0, inside) if value > EDGE else 0.0
    high = brentq(lambda a: a - value - error(a), inside, 1.0) if value < 1 - EDGE else 1.0
    return Estimate(value, float(low), float(high))


def _exponential_variance(area: float, m: int, n: int) -> float:
    """Return the variance of an AUC with ``m`` and ``n`` cases, by Newcombe's form."""
    extra = (m + n) / 2 - 1
    inner = 1 + extra * (1 - area) / (2 - area) + extra * area / (1 + area)
    return area * (1 - area) * inner / (m * n)


def _z(confidence: float) -> float:
    return NormalDist().inv_cdf((1 + confidence) / 2)
