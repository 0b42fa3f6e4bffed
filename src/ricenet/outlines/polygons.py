"""Polygons on a lattice of points, by the even-odd rule.

Polygons are (N, 2) arrays; the points of a lattice are whole numbers, pixel i reaches from i - 0.5
to i + 0.5.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

SUBDIVISION = 4  # of a pixel along each side; samples lie beside pixel centres and edges
IN_PART = 0.9  # of the smaller area: a hole that touches its rim lies within
ALIKE = 0.995  # of the larger area: one polygon, drawn twice


def even_odd(polygons: Sequence[NDArray], shape: tuple[int, int]) -> NDArray:
    """Find the points of a lattice that lie inside an odd number of polygons.

    So inner contours are holes, contours in holes are islands, and a keyhole, whose two sides
    coincide, leaves nothing (PS3.3 C.8.8.6.3).

    Parameters
    ----------
    polygons : sequence of (N, 2) float array
        Corners; the last one is joined to the first.
    shape : 2 ints
        The points are (0, 0) to (shape[0] - 1, shape[1] - 1).

    Returns
    -------
    bool array of ``shape``
    """
    turns = np.zeros((shape[0] + 1, shape[1]), np.uint8)  # only odd or even counts
    for polygon in polygons:
        ends = np.stack([polygon, np.roll(polygon, -1, axis=0)])
        order = np.lexsort(ends.transpose(2, 0, 1), axis=0)  # both ways along an edge are one
        low, high = np.take_along_axis(ends, order[..., None], axis=0)
        first, last = (
            np.clip(np.ceil(y), 0, shape[1]).astype(int) for y in (low[:, 1], high[:, 1])
        )
        edge = np.repeat(np.arange(len(polygon)), last - first)
        row = np.arange(len(edge)) - np.repeat(np.cumsum(last - first) - last, last - first)
        slope = (high - low)[edge, 0] / (high - low)[edge, 1]
        x = low[edge, 0] + (row - low[edge, 1]) * slope
        np.add.at(turns, (np.clip(np.ceil(x), 0, shape[0]).astype(int), row), 1)
    return np.bitwise_xor.accumulate(turns[:-1] & 1, axis=0).astype(bool)


def area_shares(polygons: Sequence[NDArray], shape: tuple[int, int]) -> NDArray:
    """Return the share of each pixel inside polygons, by the even-odd rule.

    Parameters as of :func:`even_odd`; float32 array of ``shape``.
    """
    fine = (shape[0] * SUBDIVISION, shape[1] * SUBDIVISION)
    samples = even_odd([(p + 0.5) * SUBDIVISION - 0.5 for p in polygons], fine)
    blocks = samples.reshape(shape[0], SUBDIVISION, shape[1], SUBDIVISION)
    return blocks.mean(axis=(1, 3), dtype=np.float32)


def without_twins(polygons: Sequence[NDArray]) -> list[NDArray]:
    """Return polygons, each once: one stored twice would cut itself out by the even-odd rule.

    Twins have the same corners, from whichever of them and in whichever direction they are listed.
    """
    return list({frozenset(map(tuple, p.round(3).tolist())): p for p in polygons}.values())


def crossing_pairs(polygons: Sequence[NDArray], shape: tuple[int, int]) -> int:
    """Count pairs of polygons that overlap in part, or are alike: neither beside nor within."""
    boxes = [(p.min(axis=0), p.max(axis=0)) for p in polygons]
    near = [
        (i, j)
        for i, j in combinations(range(len(polygons)), 2)
        if (boxes[i][0] <= boxes[j][1]).all() and (boxes[j][0] <= boxes[i][1]).all()
    ]
    filled = {i: even_odd([polygons[i]], shape) for i in {i for pair in near for i in pair}}
    found = 0
    for a, b in ((filled[i], filled[j]) for i, j in near):
        both, areas = int((a & b).sum()), sorted((int(a.sum()), int(b.sum())))
        in_part = 2 < both < IN_PART * areas[0]
        found += in_part or both > ALIKE * areas[1] > 0
    return found
