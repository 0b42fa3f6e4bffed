"""Calibration of probabilities: of patients with a probability of 0.3, 30 % should have RICE.

Labels are (N,) int arrays of 0 (recurrence) and 1 (RICE), probabilities (N,) float arrays of RICE.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression
from scipy.stats import t as student

from ricenet.statistics import logistic
from ricenet.statistics.logistic import likelihood_limits, logits
from ricenet.statistics.metrics import Estimate

NAN = float("nan")
SPAN = 0.75  # share of the patients that a point of the smooth curve looks at


def slope(labels: NDArray, probability: NDArray, *, confidence: float) -> Estimate:
    """Estimate the calibration slope: 1 is right, below 1 the probabilities are too extreme.

    The coefficient of the logit in a logistic regression of the label (Cox, Biometrika 45:562,
    1958), with limits by its profile likelihood. NaN where the probabilities separate the classes
    without an error: the slope has no upper bound then.
    """
    z, ones = logits(probability), np.ones((len(labels), 1))
    if len(np.unique(labels)) < 2 or np.ptp(z) < 1e-9:
        return Estimate(NAN, NAN, NAN)
    fitted = logistic.fit(np.column_stack([ones, z]), labels)

    def profile(at: float) -> float:
        return logistic.log_likelihood(labels, at * z + logistic.shift(labels, at * z))

    value = float(fitted.coefficients[1])
    if np.isnan(value):
        return Estimate(NAN, NAN, NAN)
    return likelihood_limits(value, fitted.log_likelihood, profile, confidence=confidence)


def intercept(labels: NDArray, probability: NDArray, *, confidence: float) -> Estimate:
    """Estimate calibration in the large: 0 is right, below 0 RICE is predicted too often.

    What has to be added to every logit for the mean probability to be the share of RICE.
    """
    z = logits(probability)
    if len(np.unique(labels)) < 2:
        return Estimate(NAN, NAN, NAN)
    value = logistic.shift(labels, z)

    def profile(at: float) -> float:
        return logistic.log_likelihood(labels, z + at)

    return likelihood_limits(value, profile(value), profile, confidence=confidence)


class Corp(NamedTuple):
    """Components of the Brier score, ``miscalibration - discrimination + uncertainty``."""

    brier: float
    miscalibration: float
    discrimination: float
    uncertainty: float


def brier(labels: NDArray, probability: NDArray) -> float:
    """Return the mean squared difference of probability and label; 0 is best."""
    return float(np.mean((np.asarray(probability) - np.asarray(labels)) ** 2))


def mean_square(labels: NDArray, probability: NDArray, *, confidence: float) -> Estimate:
    """Estimate the Brier score with Student's t interval over patients, within 0 and 1."""
    squares = (probability - labels) ** 2
    n, value = len(squares), float(squares.mean())
    half = student.ppf((1 + confidence) / 2, n - 1) * float(squares.std(ddof=1)) / np.sqrt(n)
    return Estimate(value, max(0.0, float(value - half)), min(1.0, float(value + half)))


def recalibrated(labels: NDArray, probability: NDArray) -> NDArray:
    """Return the proportion of RICE at each probability, by isotonic regression.

    (N,) float array. Patients with the same probability get the same value.
    """
    levels, which, counts = np.unique(probability, return_inverse=True, return_counts=True)
    means = np.bincount(which, weights=labels) / counts
    fitted = isotonic_regression(means, weights=counts.astype(float)).x
    return np.asarray(fitted[which]) if len(levels) else np.empty(0)


def corp(labels: NDArray, probability: NDArray) -> Corp:
    """Decompose the Brier score by isotonic recalibration (Dimitriadis et al., PNAS 118, 2021)."""
    labels = np.asarray(labels, dtype=float)
    own = brier(labels, probability)
    best = brier(labels, recalibrated(labels, probability))
    constant = brier(labels, np.full(len(labels), labels.mean()))
    return Corp(own, own - best, constant - best, constant)


def smoother(x: NDArray, at: NDArray, *, span: float = SPAN) -> NDArray:
    """Return the weights that a local straight line gives each point (loess).

    Cleveland, J Am Stat Assoc 74:829, 1979. Weights are tricube over the nearest ``span`` of the
    points; outliers are not weighted down, as a label is 0 or 1. Where all neighbours have one
    ``x``, the line is flat.

    Parameters
    ----------
    x : (N,) float array
    at : (M,) float array
        Where the curve is wanted.

    Returns
    -------
    (M, N) float array
        Times the labels it is the curve.
    """
    x, at = np.asarray(x, dtype=float), np.asarray(at, dtype=float)
    nearest = min(len(x), max(2, int(np.ceil(span * len(x) - 1e-9))))
    least = 1e-12 * max(float(np.ptp(x)), 1e-9)
    weights_of = np.empty((len(at), len(x)))
    for i, centre in enumerate(at):
        distance = np.abs(x - centre)
        reach = np.sort(distance)[nearest - 1]
        weight = (
            (1 - np.minimum(distance / reach, 1) ** 3) ** 3 if reach > 0 else 1.0 * (distance == 0)
        )
        weight = weight / weight.sum()
        off = x - weight @ x
        spread = weight @ off**2
        tilt = (centre - weight @ x) * off / spread if spread > least else 0.0
        weights_of[i] = weight * (1 + tilt)
    return weights_of


def integrated_index(labels: NDArray, probability: NDArray, smooth: NDArray | None = None) -> float:
    """Return the mean distance of probabilities from the smooth curve of what happened (ICI).

    Austin and Steyerberg, Stat Med 38:4051, 2019. 0 is best.

    Parameters
    ----------
    smooth : (N, N) float array, optional
        :func:`smoother` of the probabilities, for many labels.
    """
    p = np.asarray(probability, dtype=float)
    smooth = smoother(p, p) if smooth is None else smooth
    return float(np.mean(np.abs(np.clip(smooth @ np.asarray(labels, dtype=float), 0, 1) - p)))


class Null(NamedTuple):
    """What a figure would be by chance: its mean, and how often it is as large as observed."""

    mean: float
    p: float


def if_calibrated(
    figure: Callable[[NDArray, NDArray], float],
    labels: NDArray,
    probability: NDArray,
    *,
    draws: int,
    rng: np.random.Generator,
) -> Null:
    """Return what a figure would be if all probabilities were right: labels are drawn by them."""
    p = np.asarray(probability)
    drawn = [figure((rng.random(len(p)) < p).astype(int), p) for _ in range(draws)]
    return _null(drawn, figure(labels, p))


def if_uninformative(
    figure: Callable[[NDArray, NDArray], float],
    labels: NDArray,
    probability: NDArray,
    *,
    draws: int,
    rng: np.random.Generator,
) -> Null:
    """Return what a figure would be if the probabilities knew nothing: labels are exchanged."""
    drawn = [figure(rng.permutation(labels), probability) for _ in range(draws)]
    return _null(drawn, figure(labels, probability))


def _null(drawn: list[float], observed: float) -> Null:
    as_large = sum(value >= observed - 1e-12 for value in drawn)
    return Null(float(np.mean(drawn)), (1 + as_large) / (1 + len(drawn)))


def consistency_band(
    probability: NDArray, at: NDArray, *, coverage: float, draws: int, rng: np.random.Generator
) -> tuple[NDArray, NDArray]:
    """Return where the isotonic curve would lie if all probabilities were right.

    Parameters
    ----------
    at : (M,) float array
        Probabilities at which the band is wanted.

    Returns
    -------
    (M,), (M,) float array
        Its lower and upper edge at each, pointwise.
    """
    p = np.sort(np.asarray(probability, dtype=float))
    curves = np.empty((draws, len(at)))
    for i in range(draws):
        curves[i] = np.interp(at, p, recalibrated((rng.random(len(p)) < p).astype(int), p))
    tail = (1 - coverage) / 2
    low, high = np.quantile(curves, [tail, 1 - tail], axis=0)
    return low, high
