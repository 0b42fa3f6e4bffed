"""Where cubes are hidden, what of them changes the volume, and the average over them.

Arrays are ``(X, Y, Z)``; a cube is given by its first voxel.
"""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import NDArray

from ricenet.occlusion.boxes import Boxes, slices


def corners(brain: NDArray, *, cube: int, stride: int) -> NDArray:
    """First corners of the cubes that meet the brain, (P, 3).

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
    return every[[bool(brain[slices(c, c + cube)].any()) for c in every]]


def what_changes(differs: NDArray, places: NDArray, *, cube: int) -> tuple[NDArray, Boxes]:
    """Part of each cube that hiding changes.

    Parameters
    ----------
    differs : (X, Y, Z) bool array
        Voxels that do not have the value that hiding gives them, in any channel.
    places : (P, 3) int array
        First corners of the cubes.

    Returns
    -------
    (Q,) int array
        Cubes that change anything.
    Boxes
        Smallest box around what each of them changes.
    """
    cubes, firsts, lasts = [], [], []
    for number, corner in enumerate(places):
        where = np.argwhere(differs[slices(corner, corner + cube)])
        if len(where):
            cubes.append(number)
            firsts.append(corner + where.min(axis=0))
            lasts.append(corner + where.max(axis=0))
    first, last = (np.array(b, int).reshape(-1, 3) for b in (firsts, lasts))
    return np.array(cubes, int), Boxes(first, last, np.array(differs.shape))


def average(values: NDArray, places: NDArray, brain: NDArray, *, cube: int) -> NDArray:
    """Mean (X, Y, Z) of the values (P,) of the cubes that cover a voxel; 0 outside the brain."""
    total, count = np.zeros(brain.shape), np.zeros(brain.shape)
    for corner, value in zip(places, values, strict=True):
        box = slices(corner, corner + cube)
        total[box] += value
        count[box] += 1
    return np.where(brain, total / np.maximum(count, 1), 0)
