"""Likeness of two images of unlike contrast: how well one says what the other is.

Correlation asks for one brightness to follow the other in a straight line. Of T1 and T2, or T1 and
FLAIR, it does not, though each tissue has its own brightness in both.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

BINS = 32  # more and the few voxels of a coarse grid give images of chance something in common
TAILS = (0.005, 0.995)  # quantiles beyond which values count as the last ones: vessels, fat


def levels(values: NDArray, bins: int = BINS) -> NDArray:
    """Return the bin of each value, int from 0, of equal bins between the :data:`TAILS`."""
    low, high = np.quantile(values, TAILS)
    width = (high - low) / bins or 1.0
    return np.clip((values - low) / width, 0, bins - 1).astype(np.int64)


def normalised_mutual_information(
    a: NDArray, b: NDArray, inside: NDArray, bins: int = BINS
) -> float:
    """Return 2 I(A, B) / (H(A) + H(B)) of two images inside a mask: 0 nothing in common, 1 all.

    It grows with Studholme's (H(A) + H(B)) / H(A, B) (Pattern Recognition 32 (1999) 71), and of a
    smaller overlap it makes no better one.

    Parameters
    ----------
    a, b : (X, Y, Z) array
    inside : (X, Y, Z) bool array
        0 is returned where it is empty, or an image has one value in it.
    """
    if not inside.any():
        return 0.0
    joint = np.bincount(levels(a[inside], bins) * bins + levels(b[inside], bins), minlength=bins**2)
    table = joint.reshape(bins, bins) / joint.sum()
    of_a, of_b, both = (entropy(p) for p in (table.sum(1), table.sum(0), table.ravel()))
    return float(2 * (of_a + of_b - both) / (of_a + of_b)) if of_a + of_b > 0 else 0.0


def entropy(shares: NDArray) -> float:
    """Return the entropy of shares that sum to 1, nats."""
    there = shares[shares > 0]
    return float(-(there * np.log(there)).sum())
