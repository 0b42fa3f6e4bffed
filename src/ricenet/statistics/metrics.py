"""Metrics of a two-class problem as pure functions on arrays.

Labels and predicted classes are (N,) int arrays of 0 (recurrence) and 1 (RICE, the positive
class), probabilities are (N,) float arrays of RICE. What is undefined, such as a sensitivity
without positives, is NaN.
"""

from __future__ import annotations

from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ricenet.statistics.confusion import confusion, macro_f1


class Estimate(NamedTuple):
    """A metric with its confidence interval."""

    value: float
    low: float
    high: float


def predicted_class(probability_rice: NDArray) -> NDArray:
    """Return the class of the larger probability; exactly 0.5 is recurrence, as by argmax."""
    return (np.asarray(probability_rice) > 0.5).astype(np.int64)


def auc(labels: NDArray, probability_rice: NDArray) -> float:
    """Return the area under the ROC curve.

    How often a RICE gets the higher probability, ties half.
    """
    labels, score = np.asarray(labels), np.asarray(probability_rice)
    difference = score[labels == 1][:, None] - score[labels == 0][None, :]  # (P, N)
    if difference.size == 0:
        return float("nan")
    return float(((difference > 0) + 0.5 * (difference == 0)).mean())


def wilson(successes: int, trials: int, *, confidence: float) -> Estimate:
    """Estimate a proportion with its score interval (Wilson, J Am Stat Assoc 22:209, 1927)."""
    if trials == 0:
        return Estimate(float("nan"), float("nan"), float("nan"))
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    p, shrink = successes / trials, 1 + z**2 / trials
    centre = (p + z**2 / (2 * trials)) / shrink
    half = z / shrink * np.sqrt(p * (1 - p) / trials + z**2 / (4 * trials**2))
    # at none and all successes the interval ends at 0 and 1; rounding must not push it past
    low, high = max(0.0, float(centre - half)), min(1.0, float(centre + half))
    return Estimate(p, min(p, low), max(p, high))


def point_values(
    labels: NDArray, predicted: NDArray, probability_rice: NDArray
) -> dict[str, float]:
    """Return all metrics without intervals."""
    tp, fp, tn, fn = confusion(labels, predicted).values()
    return {
        "macro_f1": macro_f1(labels, predicted),
        "sensitivity": _share(tp, tp + fn),
        "specificity": _share(tn, tn + fp),
        "accuracy": _share(tp + tn, tp + fp + tn + fn),
        "auc": auc(labels, probability_rice),
    }


def _share(part: int, whole: int) -> float:
    return part / whole if whole else float("nan")


def majority_vote(probability_rice: NDArray) -> NDArray:
    """Return the class that most models choose.

    The mean probability decides where the votes are equal.

    Parameters
    ----------
    probability_rice : (M, N) float array
        One row a model, one column a subject.

    Returns
    -------
    (N,) int array
    """
    share = predicted_class(probability_rice).mean(axis=0)
    mean = predicted_class(mean_probability(probability_rice))
    return np.where(share == 0.5, mean, share > 0.5).astype(np.int64)


def mean_probability(probability_rice: NDArray) -> NDArray:
    """Return (N,) mean of the (M, N) probabilities of M models."""
    return np.asarray(probability_rice).mean(axis=0)
