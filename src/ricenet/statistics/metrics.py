"""Metrics of a two-class problem as pure functions on arrays, and their intervals.

Labels and predicted classes are (N,) int arrays of 0 (recurrence) and 1 (RICE, the positive
class), probabilities are (N,) float arrays of RICE. What is undefined, such as a sensitivity
without positives, is NaN.
"""

from __future__ import annotations

from collections.abc import Callable
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


def bootstrap(
    metric: Callable[[NDArray, NDArray], float],
    labels: NDArray,
    values: NDArray,
    *,
    samples: int,
    confidence: float,
    seed: int,
) -> Estimate:
    """Estimate a metric with its percentile interval, cases drawn anew within each class.

    Parameters
    ----------
    metric : function
        Of labels and ``values``.
    values : (N,) array
        Predicted classes or probabilities.
    samples : int
        Number of resamples.
    """
    labels, values = np.asarray(labels), np.asarray(values)
    value = metric(labels, values)
    if np.isnan(value):
        return Estimate(value, value, value)
    rng = np.random.default_rng(seed)
    members = [np.flatnonzero(labels == k) for k in (0, 1)]
    found = []
    for _ in range(samples):
        picked = np.concatenate([rng.choice(m, len(m)) for m in members])
        found.append(metric(labels[picked], values[picked]))
    tail = (1 - confidence) / 2
    low, high = np.quantile(found, [tail, 1 - tail])
    return Estimate(value, float(low), float(high))


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


def estimates(
    labels: NDArray,
    predicted: NDArray,
    probability_rice: NDArray | None,
    *,
    confidence: float,
    bootstrap_samples: int,
    seed: int,
) -> dict[str, Estimate]:
    """Return all metrics with intervals: Wilson for proportions, bootstrap for macro F1 and AUC.

    Parameters
    ----------
    probability_rice : (N,) array or None
        Without probabilities there is no AUC.
    """

    def resampled(metric: Callable[[NDArray, NDArray], float], values: NDArray) -> Estimate:
        return bootstrap(
            metric, labels, values, samples=bootstrap_samples, confidence=confidence, seed=seed
        )

    tp, fp, tn, fn = confusion(labels, predicted).values()
    found = {
        "macro_f1": resampled(macro_f1, predicted),
        "sensitivity": wilson(tp, tp + fn, confidence=confidence),
        "specificity": wilson(tn, tn + fp, confidence=confidence),
        "accuracy": wilson(tp + tn, tp + fp + tn + fn, confidence=confidence),
    }
    if probability_rice is not None:
        found["auc"] = resampled(auc, probability_rice)
    return found


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
