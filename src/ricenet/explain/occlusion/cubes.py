"""Where cubes are hidden, and the average over them.

Arrays are ``(X, Y, Z)``; a cube is given by its first voxel.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np
from numpy.typing import NDArray

from ricenet.explain.occlusion.boxes import slices


def corners(brain: NDArray, *, cube: int, stride: int) -> NDArray:
    """Return the first corners of the cubes that overlap the brain, (P, 3).

    The last cube of an axis is moved back to end with the volume, so that every voxel is covered.

    Raises
    ------
    ValueError
        The cube is larger than the volume, or the stride leaves gaps.
    """
    if not 1 <= stride <= cube <= min(brain.shape):
        raise ValueError(
            f"cube {cube} and stride {stride} voxels for a volume of {brain.shape}: "
            f"1 <= stride <= cube <= volume is needed; change cube_mm or stride_mm"
        )
    starts = [sorted({*range(0, n - cube, stride), n - cube}) for n in brain.shape]
    every = np.array(list(product(*starts)))
    return every[meet(brain, every, cube=cube)]


def meet(mask: NDArray, places: NDArray, *, cube: int) -> NDArray:
    """Return whether any voxel of a cube is in the mask, (P,) bool."""
    return np.array([mask[slices(corner, corner + cube)].any() for corner in places], bool)


def fill_values(
    volume: NDArray, places: NDArray, fill: Sequence[float | None], *, cube: int
) -> NDArray:
    """Return the value that fills each hidden cube, (P, C), for a (C, X, Y, Z) volume.

    ``None`` in ``fill`` is the local mean: that of what the cube hides.
    """
    given = np.array([0.0 if value is None else value for value in fill], np.float32)
    values = np.tile(given, (len(places), 1))
    for channel in (c for c, value in enumerate(fill) if value is None):
        for row, corner in zip(values, places, strict=True):
            row[channel] = volume[channel][slices(corner, corner + cube)].mean(dtype=np.float64)
    return values


def changing(volume: NDArray, places: NDArray, values: NDArray, *, cube: int) -> NDArray:
    """Return the indices of cubes that hide anything but the value that replaces it."""
    differ = [
        any(
            (channel[slices(corner, corner + cube)] != value).any()
            for channel, value in zip(volume, row, strict=True)
        )
        for corner, row in zip(places, values, strict=True)
    ]
    return np.flatnonzero(np.array(differ, bool))


def average(values: NDArray, places: NDArray, brain: NDArray, *, cube: int) -> NDArray:
    """Return the mean (X, Y, Z) of the values (P,) of the cubes that cover a voxel.

    0 outside the brain.
    """
    total, count = np.zeros(brain.shape), np.zeros(brain.shape)
    for corner, value in zip(places, values, strict=True):
        box = slices(corner, corner + cube)
        total[box] += value
        count[box] += 1
    return np.where(brain, total / np.maximum(count, 1), 0)
