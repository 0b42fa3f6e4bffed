"""Where a map may be moved to so that most of it stays in the brain: the null of random places.

Arrays are ``(X, Y, Z)``, shifts voxels. A map that a shift has cut off is no longer the same map:
its rest would be compared with the whole one.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.signal import fftconvolve

KEPT = 0.9  # of the importance, which a placement must keep in the brain
FEWEST = 100  # placements; with fewer they are neighbours of the map's own place


def kept(importance: NDArray, brain: NDArray) -> tuple[NDArray, NDArray]:
    """Return the share of the importance that each shift keeps in the brain.

    Returns
    -------
    (2 X - 1, 2 Y - 1, 2 Z - 1) float array
        The share; NaN without any importance.
    (3,) int array
        Index of the shift by 0.
    """
    whole = importance.sum()
    if not whole > 0:
        return np.full([2 * n - 1 for n in brain.shape], np.nan), np.array(brain.shape) - 1
    turned = importance[::-1, ::-1, ::-1] / whole
    return fftconvolve(brain.astype(float), turned, mode="full"), np.array(brain.shape) - 1


def draw(
    importance: NDArray, brain: NDArray, *, draws: int, rng: np.random.Generator
) -> NDArray | None:
    """Draw shifts (draws, 3) that keep :data:`KEPT` of the importance, all of them equally likely.

    None where fewer than :data:`FEWEST` do: the map fills the brain and cannot be moved.
    """
    share, zero = kept(importance, brain)
    allowed = np.argwhere(share >= KEPT - 1e-9) - zero
    if len(allowed) < FEWEST:
        return None
    return allowed[rng.integers(len(allowed), size=draws)]
