"""What the values of an MR image tell: negative ones, padding, masks. Arbitrary units."""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import NDArray

# Of the 99th percentile. Real heads resampled with B-splines and Lanczos windows undershoot further
# than this in 0.3 % of the voxels at most.
UNDERSHOOT = 0.05
LEAST_PADDING = 0.01  # of the voxels
APART = 0.25  # of the range of all other values
APART_ABOVE = 2.0  # likewise, where it is the largest: bright tissue may be cut off at a value
SAMPLE = 2_000_000  # voxels that percentiles and distinct values are taken from
SMALLEST = 12  # voxels along an axis, below which a corner is no air
FEW_VALUES = 16  # a mask has a value for each label


def negative_share(data: NDArray) -> float:
    """Return the share of voxels that are clearly below zero.

    A magnitude image has none. Resampling with B-splines or a windowed sinc undershoots beside
    edges, so that values down to a twentieth of the bright tissue do not count.

    Parameters
    ----------
    data : (X, Y, Z) array
    """
    bright = float(np.percentile(np.abs(_sample(data)), 99))
    return float((data < -UNDERSHOOT * bright).mean())


def corner_brightness(data: NDArray) -> float | None:
    """Return how bright the corners of the field of view are, over bright tissue.

    Air is dark in a magnitude image (real heads: 0.03 at most) and noise of any value in a phase
    image (0.5), even where phases are stored from 0 upwards. None for images of a few slices.

    Parameters
    ----------
    data : (X, Y, Z) array
    """
    if min(data.shape) < SMALLEST:
        return None
    edges = [(slice(0, n // 10 + 1), slice(-(n // 10 + 1), None)) for n in data.shape]
    corners = [float(np.median(data[corner])) for corner in product(*edges)]
    low, bright = np.percentile(_sample(data), [1, 99])
    return float((np.median(corners) - low) / max(bright - low, 1e-6))


def likely_padding(data: NDArray) -> float | None:
    """Return the value of an image that can only be padding which nobody declared.

    It is negative, or the largest, in many voxels, and far from all other values. None where there
    is none.

    Parameters
    ----------
    data : (X, Y, Z) array
    """
    lowest, highest = float(data.min()), float(data.max())
    if lowest < 0 and _far_from_others(data, lowest, APART):
        return lowest
    return highest if _far_from_others(data, highest, APART_ABOVE) else None


def _far_from_others(data: NDArray, value: float, apart: float) -> bool:
    """Return whether many voxels have an extreme value, and no other one comes near it.

    ``apart`` is the least distance over the range of all other values.
    """
    alike = data == value
    if not LEAST_PADDING <= alike.mean() < 1:
        return False
    rest = data[~alike]
    distance = min(abs(float(rest.min()) - value), abs(float(rest.max()) - value))
    return 0 < apart * float(np.ptp(rest)) < distance


def is_mask(data: NDArray) -> bool:
    """Return whether an image has so few values that it can only be a mask or labels."""
    return data.size > 100 * FEW_VALUES and len(np.unique(_sample(data))) <= FEW_VALUES


def _sample(data: NDArray) -> NDArray:
    return data.ravel(order="K")[:: max(1, data.size // SAMPLE)]
