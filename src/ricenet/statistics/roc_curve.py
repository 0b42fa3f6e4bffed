"""ROC curves: of one scale, and averaged over folds, with limits at each threshold."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ricenet.statistics.metrics import wilson


class Curve(NamedTuple):
    """A ROC curve; both shares rise from 0 to 1.

    Attributes
    ----------
    false_positive, true_positive : (T,) float array
        Share of recurrences, and of RICE, above each threshold.
    """

    false_positive: NDArray
    true_positive: NDArray

    @property
    def area(self) -> float:
        """Return the area under the curve."""
        return float(np.trapezoid(self.true_positive, self.false_positive))


def curve(labels: NDArray, score: NDArray) -> Curve:
    """Return the ROC curve of one score; equal scores give one slanted piece.

    Parameters
    ----------
    labels : (N,) int array
        Both classes are there.
    score : (N,) float array
        Larger for RICE.
    """
    labels, score = np.asarray(labels), np.asarray(score)
    steps = np.unique(score)[::-1]
    rice, others = score[labels == 1], score[labels == 0]
    above = [(others >= t).mean() for t in steps], [(rice >= t).mean() for t in steps]
    return Curve(*(np.r_[0.0, shares] for shares in above))


def within_folds(labels: NDArray, score: NDArray, folds: NDArray) -> Curve:
    """Return the mean of the folds' curves, a fold weighted by its pairs of both classes.

    True positives are averaged at equal false positives, so that the area is the AUC within folds
    (:func:`ricenet.statistics.roc.delong`). A fold of one class is left out.

    Raises
    ------
    ValueError
        No fold has both classes.
    """
    labels, score, folds = map(np.asarray, (labels, score, folds))
    curves, weights = [], []
    for fold in np.unique(folds):
        own = folds == fold
        positive = int(labels[own].sum())
        if 0 < positive < own.sum():
            curves.append(curve(labels[own], score[own]))
            weights.append(positive * (int(own.sum()) - positive))
    if not curves:
        raise ValueError("no fold has both classes; there is no ROC curve within folds")
    corners = np.unique(np.concatenate([c.false_positive for c in curves]))
    # a curve rises at a corner: its value just before and just after
    at = np.repeat(corners, 2)
    sides = np.stack([_both_sides(c, corners) for c in curves])  # (K, 2 T)
    return Curve(at, np.average(sides, axis=0, weights=weights))


def _both_sides(found: Curve, corners: NDArray) -> NDArray:
    """Return the lowest and the highest share at each corner, one after the other."""
    x, y = found
    low, high = [], []
    for corner in corners:
        here = y[x == corner]
        between = float(np.interp(corner, x, y))
        low.append(here.min() if len(here) else between)
        high.append(here.max() if len(here) else between)
    return np.stack([low, high], axis=1).ravel()


def band(found: Curve, *, rice: int, recurrence: int, confidence: float) -> NDArray:
    """Return limits of a curve: Wilson's of both shares, at each of its thresholds.

    Returns
    -------
    (2, T, 2) float array
        Corners (false positive, true positive) of the lower and of the upper limit.
    """
    lower, upper = [], []
    for x, y in zip(*found, strict=True):
        # a mean over folds need not be of whole patients
        fp = wilson(x * recurrence, recurrence, confidence=confidence)
        tp = wilson(y * rice, rice, confidence=confidence)
        lower.append((fp.high, tp.low))
        upper.append((fp.low, tp.high))
    return np.array([lower, upper])
