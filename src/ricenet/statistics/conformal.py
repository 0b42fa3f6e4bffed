"""Conformal prediction: sets that contain the true class with the nominal frequency.

A set is made of the classes whose *conformal p value* is above ``alpha``. The p value of a class
compares the new patient with calibration patients of that class alone (Mondrian: Vovk, Gammerman
and Shafer, Algorithmic Learning in a Random World, 2005). Who has both classes in the set is not
decided; who has none fits neither class at this level, often by a middling probability.

A score is the probability of a class, larger where the patient looks more like it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta

CLASSES = (0, 1)  # recurrence, RICE


def p_values(calibration: NDArray, new: NDArray) -> NDArray:
    """Return how many of a class, the new patient included, conform no better to it.

    Parameters
    ----------
    calibration : (N,) float array
        Scores of patients who have the class.
    new : (M,) float array
        Scores of new patients for it.

    Returns
    -------
    (M,) float array
        At least 1 / (N + 1).
    """
    lower = np.asarray(calibration)[None, :] <= np.asarray(new)[:, None] + 1e-12
    return (lower.sum(axis=1) + 1) / (len(calibration) + 1)


def class_p_values(labels: NDArray, probability: NDArray, new: NDArray) -> NDArray:
    """Return the p values of both classes: (M, 2) float array, recurrence and RICE.

    Parameters
    ----------
    labels, probability : (N,) array
        Calibration patients, probabilities of RICE.
    new : (M,) float array
        Probabilities of RICE of new patients.
    """
    labels, probability, new = (np.asarray(a) for a in (labels, probability, new))
    score = {0: (1 - probability, 1 - new), 1: (probability, new)}
    columns = [p_values(score[c][0][labels == c], score[c][1]) for c in CLASSES]
    return np.stack(columns, axis=1)


def out_of_fold(labels: NDArray, probability: NDArray, folds: NDArray) -> NDArray:
    """Return the p values of each patient by the patients of all other folds: (N, 2) array."""
    p_values = np.empty((len(labels), 2))
    for fold in np.unique(folds):
        own, others = folds == fold, folds != fold
        p_values[own] = class_p_values(labels[others], probability[others], probability[own])
    return p_values


class Expected(NamedTuple):
    """Where the coverage of a class lies, for one set of calibration patients in ten beyond."""

    low: float
    high: float


def coverage_range(calibrated: int, *, alpha: float) -> Expected:
    """Return the 5 and 95 % points of coverage, given how many calibration patients there are.

    On average over calibration sets it is at least 1 - alpha; with one set that was drawn it is a
    beta variable (Vovk, ACML 2012). Both are 1 with too few patients ever to exclude a class.
    """
    rank = int(np.ceil((calibrated + 1) * (1 - alpha) - 1e-9))
    if rank > calibrated:
        return Expected(1.0, 1.0)
    return Expected(*(float(beta.ppf(q, rank, calibrated + 1 - rank)) for q in (0.05, 0.95)))
