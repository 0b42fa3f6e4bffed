"""Logistic regression by maximum likelihood, without a penalty, for a handful of parameters.

It describes predictions that are there already; probes, which predict, have a penalty and are
scikit-learn's. Labels are (N,) int arrays of 0 and 1.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import expit, log_expit, logit
from scipy.stats import chi2

from ricenet.statistics.metrics import Estimate

NAN = float("nan")
STEPS, SMALL_STEP, SEPARATED = 100, 1e-10, 1e3
WIDEST = 1e3  # limits beyond are none
# a probability of exactly 0 or 1 has no logit, and float32 gives such
LEAST_PROBABILITY = 1e-6


class Fit(NamedTuple):
    """Coefficients and log-likelihood; NaN coefficients where the classes are separated."""

    coefficients: NDArray  # (K,)
    log_likelihood: float


def logits(probability: NDArray) -> NDArray:
    """Return log odds; probabilities are clipped to one in a million from 0 and 1."""
    p = np.asarray(probability, dtype=np.float64)
    return logit(np.clip(p, LEAST_PROBABILITY, 1 - LEAST_PROBABILITY))


def fit(design: NDArray, labels: NDArray, offset: NDArray | float = 0.0) -> Fit:
    """Fit a logistic regression by Newton's method, with step halving.

    Parameters
    ----------
    design : (N, K) float array
        With a column of ones if there is to be an intercept.
    offset : (N,) float array or float
        Added to the linear predictor with a coefficient of 1.

    Returns
    -------
    Fit
        The log-likelihood is the supremum, near 0, where a plane separates the classes.
    """
    y = np.asarray(labels, dtype=np.float64)
    b = np.zeros(design.shape[1])
    best = log_likelihood(y, design @ b + offset)
    for _ in range(STEPS):
        p = expit(design @ b + offset)
        information = design.T @ (design * (p * (1 - p))[:, None])
        try:
            step = np.linalg.solve(information, design.T @ (y - p))
        except np.linalg.LinAlgError:
            return Fit(np.full_like(b, NAN), best)
        while (likelihood := log_likelihood(y, design @ (b + step) + offset)) < best - 1e-12:
            step = step / 2
        b, best = b + step, likelihood
        if np.abs(b).max(initial=0) > SEPARATED:
            return Fit(np.full_like(b, NAN), best)
        if np.abs(step).max(initial=0) < SMALL_STEP:
            return Fit(b, best)
    return Fit(np.full_like(b, NAN), best)


def shift(labels: NDArray, predictor: NDArray) -> float:
    """Return the most likely shift of all logits: the mean probability is then the proportion.

    Both classes must be there. A root of a falling function, found whatever the logits.
    """
    y, z = np.asarray(labels, dtype=np.float64), np.asarray(predictor, dtype=np.float64)
    far = float(np.abs(z).max()) + 40.0
    return float(brentq(lambda a: float((y - expit(z + a)).sum()), -far, far, xtol=1e-10))


def log_likelihood(labels: NDArray, predictor: NDArray) -> float:
    """Return the log-likelihood of labels under logits."""
    sign = 2.0 * np.asarray(labels) - 1
    return float(log_expit(sign * predictor).sum())


def likelihood_limits(
    value: float, log_likelihood: float, profile: Callable[[float], float], *, confidence: float
) -> Estimate:
    """Return the limits of a parameter by its profile likelihood.

    Twice the fall is compared with chi-square of one degree of freedom. Such limits need not be
    symmetric, and one of them is none (infinite) where the data do not bound the parameter.

    Parameters
    ----------
    value : float
        Most likely value, finite.
    profile : function
        Highest log-likelihood at a given value of the parameter.
    """
    fall = chi2.ppf(confidence, 1) / 2

    def beyond(at: float) -> float:
        return log_likelihood - profile(at) - fall

    def limit(sign: int) -> float:
        distance = 1.0
        while beyond(value + sign * distance) < 0:
            distance *= 2
            if distance > WIDEST:
                return sign * float("inf")
        return float(brentq(beyond, *sorted((value, value + sign * distance)), xtol=1e-8))

    return Estimate(value, limit(-1), limit(1))


def gain(labels: NDArray, first: NDArray, second: NDArray) -> tuple[float, float]:
    """Return what a second predictor adds to a first: likelihood-ratio statistic and p.

    The p is one-sided: only a second predictor that points the right way adds anything. Out of fold
    one that knows nothing tends to point the wrong way, which a two-sided test would call a gain.

    Parameters
    ----------
    first, second : (N,) float array
        Logits. The statistic has one degree of freedom.
    """
    ones = np.ones(len(labels))
    alone = fit(np.column_stack([ones, first]), labels).log_likelihood
    both = fit(np.column_stack([ones, first, second]), labels)
    statistic = max(0.0, 2 * (both.log_likelihood - alone))
    tail = float(chi2.sf(statistic, 1)) / 2
    right_way = both.coefficients[2] >= 0 if np.isfinite(both.coefficients[2]) else True
    return statistic, tail if right_way else 1 - tail
