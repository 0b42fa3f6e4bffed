"""Whether what belongs to a patient fits this patient better than others: the exchange null.

``values`` is ``(N, N, K)``: statistic ``k`` of what was made of patient ``i`` (a map), measured on
what belongs to patient ``j`` (a region); the diagonal is what was observed. Under the null the maps
may change places among the patients, so a map that does not look at its patient gains nothing.

Permutations with fixed points count too. Without them the identity is no member of a group with
the others, and the test is not exact: with 5 to 7 patients it rejects a true null in 8 to 10 % at a
nominal 5 % (Hemerik and Goeman, TEST 27:811, 2018, on why a set that is no group may do so).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations
from math import factorial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

ENUMERATED = 8  # with so few patients all permutations are tried: 40320
AT_ONCE = 4096
TIE = 1e-9  # of a statistic's standard deviation, by which sums of the same terms may differ


class Exchange(NamedTuple):
    """K mean statistics against the exchange of patients.

    Attributes
    ----------
    own : (K,) array
        Mean over patients, each map on its own patient.
    others : (K,) array
        Mean over all pairs of two different patients.
    p : (K,) array
        One-sided: how often the exchanged patients' mean is at least as large.
    p_family : (K,) array
        The same for the largest of the K statistics, by which all K hold together (max-T).
    patients, tried : int
        Patients with a value, and permutations, the observed one among them.
    """

    own: NDArray
    others: NDArray
    p: NDArray
    p_family: NDArray
    patients: int
    tried: int

    @property
    def smallest(self) -> float:
        """The smallest p that so few patients allow."""
        return 1 / self.tried if self.tried else float("nan")


def exchange(values: NDArray, *, draws: int, seed: int) -> Exchange:
    """Compare each patient's own statistics with those after exchanges among the patients.

    Parameters
    ----------
    values : (N, N, K) array
        A patient without a value on itself is left out, as map and as region.
    draws : int
        Random permutations, where there are too many to try them all.

    Raises
    ------
    ValueError
        The array has another shape, or a pair of patients that count lacks a value.
    """
    values = np.asarray(values, dtype=float)
    if values.ndim != 3 or values.shape[0] != values.shape[1]:
        raise ValueError(f"values have shape {values.shape}, (patients, patients, K) is needed")
    kept = np.isfinite(np.einsum("iik->ik", values)).all(axis=1)
    values = values[kept][:, kept]
    if not np.isfinite(values).all():
        raise ValueError("a patient's map has a value on its own regions and none on another's")
    n, k = len(values), values.shape[2]
    nan = np.full(k, np.nan)
    own = np.einsum("iik->ik", values).mean(axis=0) if n else nan
    if n < 2:
        return Exchange(own, nan, nan, nan, n, 0)
    others = (values.sum(axis=(0, 1)) - n * own) / (n * (n - 1))
    drawn = np.concatenate([_means(values, order) for order in _orders(n, draws, seed)])
    if n > ENUMERATED:  # the observed order is one of them
        drawn = np.concatenate([own[None], drawn])
    spread = drawn.std(axis=0)
    flat = spread <= TIE * np.abs(own)  # the map cannot tell patients apart: no evidence
    scale = np.where(flat, 1, spread)
    standing = np.where(flat, -np.inf, (drawn - drawn.mean(axis=0)) / scale)
    observed = np.where(flat, -np.inf, (own - drawn.mean(axis=0)) / scale)
    p = (standing >= observed - TIE).mean(axis=0)
    family = (standing.max(axis=1)[:, None] >= observed - TIE).mean(axis=0)
    return Exchange(own, others, p, family, n, len(drawn))


def _means(values: NDArray, orders: NDArray) -> NDArray:
    """Return the mean statistics (E, K) of orders (E, N) of the regions."""
    return values[np.arange(len(values)), orders].mean(axis=1)


def _orders(patients: int, draws: int, seed: int) -> Iterator[NDArray]:
    """Yield (E, N) orders of the patients: all that there are, or random ones."""
    if patients <= ENUMERATED:
        yield np.array(list(permutations(range(patients))))
        return
    rng = np.random.default_rng(seed)
    for start in range(0, draws, AT_ONCE):
        places = np.tile(np.arange(patients), (min(AT_ONCE, draws - start), 1))
        yield rng.permuted(places, axis=1)


def enough_for(level: float) -> int:
    """Return the fewest patients of whom the exchange can give a p of at most ``level``."""
    return next(n for n in range(2, 20) if 1 / factorial(n) <= level)
