"""How well a map finds the true cause, where that is known: on phantoms. Arrays ``(X, Y, Z)``."""

from __future__ import annotations

from collections.abc import Sequence

from numpy.typing import NDArray
from scipy import ndimage
from scipy.stats import rankdata


def pointing_distance(importance: NDArray, cause: NDArray, *, spacing_mm: Sequence[float]) -> float:
    """Return how far the most important voxel lies from the cause, mm: the pointing game.

    0 inside it. Of several equal maxima the mean distance counts. NaN without importance or cause.
    """
    if not cause.any() or not importance.max() > 0:
        return float("nan")
    away = ndimage.distance_transform_edt(~cause, sampling=spacing_mm)
    return float(away[importance == importance.max()].mean())


def share_inside(importance: NDArray, cause: NDArray, brain: NDArray) -> float:
    """Return the share of the brain's importance that lies in the cause; NaN without any."""
    whole = importance[brain].sum()
    return float(importance[brain & cause].sum() / whole) if whole > 0 else float("nan")


def voxel_auc(importance: NDArray, cause: NDArray, brain: NDArray) -> float:
    """Return how often a voxel of the cause is more important than one elsewhere; ties half."""
    inside = cause[brain]
    ranks, n, m = rankdata(importance[brain]), int(inside.sum()), int((~inside).sum())
    if not n or not m:
        return float("nan")
    return float((ranks[inside].sum() - n * (n + 1) / 2) / (n * m))
