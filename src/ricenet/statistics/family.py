"""Several comparisons at once: p values that hold for the whole family."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

ENUMERATED = 12  # with so few patients who count, all exchanges are tried: 4096
AT_ONCE = 1024


def max_t(differences: NDArray, *, draws: int, seed: int) -> NDArray:
    """Return adjusted two-sided p values by the largest statistic of a family of contrasts.

    Under the null a patient's two answers may change places. They do so in all contrasts at the
    same time, so that what the contrasts have in common stays (Westfall and Young,
    Resampling-Based Multiple Testing, 1993, algorithm 4.1, step-down). A single contrast gives the
    exact test of McNemar, if all exchanges are tried.

    Parameters
    ----------
    differences : (N, K) array
        For each patient and contrast 1 where only the first classifier is right, -1 where only the
        second is, else 0.
    draws : int
        Random exchanges, where there are too many to try them all.

    Returns
    -------
    (K,) float array
        1 for a contrast without discordant patients.
    """
    differences = np.asarray(differences, dtype=float)
    differences = differences[np.any(differences != 0, axis=1)]
    error = np.sqrt((differences**2).sum(axis=0))
    scaled = differences / np.where(error > 0, error, 1)
    observed = np.abs(scaled.sum(axis=0))
    order = np.argsort(-observed, kind="stable")
    patients = len(scaled)
    exceeded, tried = np.zeros(len(order)), 0
    for signs in _exchanges(patients, draws, seed):
        statistics = np.abs(signs @ scaled)[:, order]
        # of each contrast and those with smaller statistics
        largest = np.maximum.accumulate(statistics[:, ::-1], axis=1)[:, ::-1]
        exceeded += (largest >= observed[order] - 1e-9).sum(axis=0)
        tried += len(signs)
    if patients > ENUMERATED:  # the exchange that was observed is one of them
        exceeded, tried = exceeded + 1, tried + 1
    adjusted = np.empty(len(order))
    adjusted[order] = np.maximum.accumulate(exceeded / tried)
    return adjusted


def _exchanges(patients: int, draws: int, seed: int) -> Iterator[NDArray]:
    """Yield (E, N) arrays of signs: all that there are, or random ones."""
    if patients <= ENUMERATED:
        codes = np.arange(2**patients)[:, None] >> np.arange(patients)[None, :]
        yield 1.0 - 2.0 * (codes & 1)
        return
    rng = np.random.default_rng(seed)
    for start in range(0, draws, AT_ONCE):
        size = (min(AT_ONCE, draws - start), patients)
        yield 1.0 - 2.0 * rng.integers(0, 2, size)


def holm(p: NDArray) -> NDArray:
    """Return p values adjusted by Holm's method (Scand J Stat 6:65, 1979)."""
    p = np.asarray(p, dtype=float)
    order = np.argsort(p, kind="stable")
    adjusted = np.empty(len(p))
    steps = p[order] * np.arange(len(p), 0, -1)
    adjusted[order] = np.minimum(1, np.maximum.accumulate(steps))
    return adjusted
