"""Deletion and insertion: how the logit follows when voxels go or come in the order of a map.

If a map names what the network uses, deleting by its order makes the logit fall sooner than by
another order, and insertion makes it rise sooner (Petsiuk et al., arXiv 1806.07421). Volumes are
``(C, X, Y, Z)``, orders ``(X, Y, Z)``.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray


def ranks(order: NDArray, brain: NDArray, *, rng: np.random.Generator) -> NDArray:
    """Return each voxel's place (X, Y, Z) in (0, 1], the largest of ``order`` first.

    Ties are broken by chance; outside the brain it is infinite: such voxels never change.
    """
    values = order[brain]
    first = np.lexsort((rng.random(len(values)), -values))
    place = np.empty(len(values))
    place[first] = np.arange(1, len(values) + 1) / max(1, len(values))
    found = np.full(brain.shape, np.inf)
    found[brain] = place
    return found


def deletion(
    ask: Callable[[NDArray], float], volume: NDArray, other: NDArray, place: NDArray, *, steps: int
) -> NDArray:
    """Return the answers (steps + 1,) as more and more of a volume is replaced by another.

    Insertion is the deletion of ``other`` by ``volume``.

    Parameters
    ----------
    ask : function
        Answer to a volume, such as a logit.
    place : (X, Y, Z) array
        See :func:`ranks`.
    """
    return np.array(
        [ask(np.where(place <= step / steps, other, volume)) for step in range(steps + 1)]
    )


def area(curve: NDArray) -> float:
    """Return the mean height of a curve (S,) with points at equal distances (trapezoids)."""
    return float(np.trapezoid(curve, dx=1 / (len(curve) - 1)))
