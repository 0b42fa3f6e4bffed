"""Boxes around masks, as slices of an array."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def box_around(mask: NDArray, margin: int = 0) -> tuple[slice, slice, slice]:
    """Return the smallest box that holds a mask, wider by ``margin`` voxels, within the array.

    Parameters
    ----------
    mask : (X, Y, Z) bool array

    Raises
    ------
    ValueError
        The mask is empty.
    """
    if not mask.any():
        raise ValueError("the mask is empty")
    found = []
    for axis in range(3):
        others = tuple(a for a in range(3) if a != axis)
        inside = np.flatnonzero(mask.any(axis=others))
        found.append(slice(max(int(inside[0]) - margin, 0), int(inside[-1]) + margin + 1))
    return found[0], found[1], found[2]
