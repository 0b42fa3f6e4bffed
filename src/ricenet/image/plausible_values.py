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

    It is negative, in many voxels, and far from all other values. None where there is none.

    Parameters
    ----------
    data : (X, Y, Z) array
    """
    lowest = float(data.min())
    alike = data == lowest
    if lowest >= 0 or alike.mean() < LEAST_PADDING or alike.all():
        return None
    rest = data[~alike]
    apart = float(rest.min()) - lowest
    return lowest if apart > APART * float(np.ptp(rest)) else None


def is_mask(data: NDArray) -> bool:
    """Return whether an image has so few values that it can only be a mask or labels."""
    return data.size > 100 * FEW_VALUES and len(np.unique(_sample(data))) <= FEW_VALUES


def _sample(data: NDArray) -> NDArray:
    return data.ravel(order="K")[:: max(1, data.size // SAMPLE)]
