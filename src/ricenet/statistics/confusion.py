"""Counts of a two-class problem and the macro F1, in a module of their own: training uses them.

Labels and predicted classes are (N,) int arrays of 0 (recurrence) and 1 (RICE, the positive class).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def confusion(labels: NDArray, predicted: NDArray) -> dict[str, int]:
    """Count true and false positives and negatives."""
    labels, predicted = np.asarray(labels) == 1, np.asarray(predicted) == 1
    return {
        "true_positive": int((labels & predicted).sum()),
        "false_positive": int((~labels & predicted).sum()),
        "true_negative": int((~labels & ~predicted).sum()),
        "false_negative": int((labels & ~predicted).sum()),
    }


def macro_f1(labels: NDArray, predicted: NDArray) -> float:
    """Return the mean of the two classes' F1 = 2 TP / (2 TP + FP + FN).

    NaN without both classes.
    """
    tp, fp, tn, fn = confusion(labels, predicted).values()
    if tp + fn == 0 or tn + fp == 0:
        return float("nan")
    return (2 * tp / (2 * tp + fp + fn) + 2 * tn / (2 * tn + fp + fn)) / 2
