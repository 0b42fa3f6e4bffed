"""Recalibration of probabilities by a single number that is fitted on other patients.

A network that sees as many RICE as recurrences while it trains predicts for such patients. For a
share of RICE that is known the logits are shifted; where they are too extreme, or not enough, they
are divided by a temperature.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import expit, log_expit, logit

from ricenet.statistics.logistic import logits

LEAST, MOST = 0.05, 20.0  # temperatures beyond are not looked for
BALANCED = 0.5  # share of RICE that the training's sampler makes


def temperature(labels: NDArray, z: NDArray, *, prior: float = BALANCED) -> float:
    """Return the temperature at which the logits are most likely (Guo et al., ICML 2017).

    It ends at 0.05, which the classes of logits without an error reach, and at 20.

    Parameters
    ----------
    labels : (N,) int array
        Of both classes.
    z : (N,) float array
        Logits for patients of whom half have RICE.
    prior : float
        Share of RICE among these patients: added to the logits.
    """
    sign, shift = 2.0 * np.asarray(labels) - 1, logit(prior)

    def loss(log_temperature: float) -> float:
        return -float(log_expit(sign * (z / np.exp(log_temperature) + shift)).sum())

    bounds = (np.log(LEAST), np.log(MOST))
    grid = np.linspace(*bounds, 61)  # the loss may have a flat end
    start = int(np.argmin([loss(t) for t in grid]))
    around = (grid[max(0, start - 1)], grid[min(60, start + 1)])
    minimum = minimize_scalar(loss, bounds=around, method="bounded", options={"xatol": 1e-6})
    best = min((*around, float(minimum.x)), key=loss)
    return float(np.exp(best))


class Recalibrated(NamedTuple):
    """Probabilities of each patient, and the numbers behind them.

    Attributes
    ----------
    probability : (N,) float array
    temperatures : list of float
        One for each fold, in ascending order of the folds; one for new patients.
    """

    probability: NDArray
    temperatures: list[float]


def out_of_fold(
    labels: NDArray, probability: NDArray, folds: NDArray, *, shifted: bool
) -> Recalibrated | None:
    """Recalibrate each fold by the temperature, and the share of RICE, of all other folds.

    Parameters
    ----------
    shifted : bool
        To the share of RICE of the other folds; else probabilities stay those of balanced classes.
        The odds are multiplied by the ratio of both shares' odds (Saerens et al., Neural Comput
        14:21, 2002), which is right where the classes look the same and only their shares differ.

    Returns
    -------
    Recalibrated or None
        None where the other folds of a fold lack a class.
    """
    z, recalibrated, temperatures = logits(probability), np.empty(len(labels)), []
    for fold in np.unique(folds):
        others, own = folds != fold, folds == fold
        if len(np.unique(labels[others])) < 2:
            return None
        prior = float(np.mean(labels[others])) if shifted else BALANCED
        temperatures.append(temperature(labels[others], z[others], prior=prior))
        recalibrated[own] = expit(z[own] / temperatures[-1] + logit(prior))
    return Recalibrated(recalibrated, temperatures)


def of_new(
    labels: NDArray, probability: NDArray, new: NDArray, *, shifted: bool
) -> Recalibrated | None:
    """Recalibrate new patients by the temperature and share of RICE of all out-of-fold ones.

    Parameters
    ----------
    labels, probability : (N,) array
        Out-of-fold.
    new : (M,) float array
        Probabilities of the ensemble.
    """
    if len(np.unique(labels)) < 2:
        return None
    prior = float(np.mean(labels)) if shifted else BALANCED
    divisor = temperature(labels, logits(probability), prior=prior)
    return Recalibrated(expit(logits(new) / divisor + logit(prior)), [divisor])
