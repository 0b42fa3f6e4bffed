"""Decision analysis: thresholds, and the decision curve.

Labels are (N,) int arrays of 0 (recurrence) and 1 (RICE), probabilities (N,) float arrays of RICE.
"Treating" is whatever follows from a call of RICE.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ricenet.statistics.metrics import Estimate, wilson

NAN = float("nan")


class NetBenefit(NamedTuple):
    """Net benefit of the predictions, with limits, and of treating all; treating none has 0."""

    estimate: Estimate
    treat_all: float


def net_benefit(
    labels: NDArray, probability: NDArray, threshold: float, *, confidence: float
) -> NetBenefit:
    """Return the net benefit per patient: true positives minus weighted false positives.

    Who calls RICE from a probability of ``t`` on takes ``(1 - t) / t`` false calls for one that is
    right (Vickers and Elkin, Med Decis Making 26:565, 2006). The limits join Wilson's of both
    classes' rates by the method of variance estimates recovery (Zou and Donner, Stat Med 27:1693,
    2008), the share of RICE taken as given.

    Parameters
    ----------
    threshold : float
        Above 0 and below 1; a probability of just this is a call of RICE.
    """
    labels, called = np.asarray(labels), np.asarray(probability) >= threshold
    n1, n0 = int((labels == 1).sum()), int((labels == 0).sum())
    if n1 == 0 or n0 == 0:
        return NetBenefit(Estimate(NAN, NAN, NAN), NAN)
    share, rate = n1 / (n1 + n0), threshold / (1 - threshold)
    rice = wilson(int((called & (labels == 1)).sum()), n1, confidence=confidence)
    false = wilson(int((called & (labels == 0)).sum()), n0, confidence=confidence)
    gain, loss = share, (1 - share) * rate
    value = gain * rice.value - loss * false.value
    down = np.hypot(gain * (rice.value - rice.low), loss * (false.high - false.value))
    up = np.hypot(gain * (rice.high - rice.value), loss * (false.value - false.low))
    limits = Estimate(value, float(value - down), float(value + up))
    return NetBenefit(limits, share - (1 - share) * rate)


def best_threshold(labels: NDArray, probability: NDArray, *, cost_ratio: float | None) -> float:
    """Return the threshold with the largest Youden index, or the smallest cost.

    Thresholds lie midway between neighbouring probabilities, and at 0 and 1. Of several best ones
    it is the one nearest to 0.5.

    Parameters
    ----------
    cost_ratio : float or None
        Cost of a RICE that is missed, in costs of a recurrence that is called RICE; None for the
        index of Youden (Cancer 3:32, 1950), by which both classes count alike.
    """
    labels, p = np.asarray(labels), np.asarray(probability, dtype=float)
    levels = np.unique(p)
    candidates = np.array([0.0, *(levels[1:] + levels[:-1]) / 2, 1.0])
    called = p[None, :] > candidates[:, None]
    missed = (~called[:, labels == 1]).sum(axis=1)
    false = called[:, labels == 0].sum(axis=1)
    if cost_ratio is None:
        cost = missed / max(1, (labels == 1).sum()) + false / max(1, (labels == 0).sum())
    else:
        cost = cost_ratio * missed + false
    best = candidates[cost <= cost.min() + 1e-12]
    return float(best[np.argmin(np.abs(best - 0.5))])


def out_of_fold_thresholds(
    labels: NDArray, probability: NDArray, folds: NDArray, *, cost_ratio: float | None
) -> dict[int, float]:
    """Return the threshold of each fold, chosen on the patients of all other folds."""
    return {
        int(fold): best_threshold(
            labels[folds != fold], probability[folds != fold], cost_ratio=cost_ratio
        )
        for fold in np.unique(folds)
    }
