"""Where an occlusion map's importance lies, compared with the same map at random places.

The importance of a voxel is the absolute change of the probability. Arrays are ``(X, Y, Z)``; the
null answers whether the map lies on a region, or only is as large and as smooth as it is.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from ricenet.dose.plausibility import HIGHEST, LOWEST, near_maximum
from ricenet.statistics import over_patients
from ricenet.statistics.metrics import Estimate

REGIONS = ("isodose-95", "enhancement", "elsewhere")
CODES = 5  # outside the brain, elsewhere, isodose, enhancement, isodose and enhancement


class Chance(NamedTuple):
    """A value compared with those of the null.

    Attributes
    ----------
    mean, sd : float
        Of the null.
    z : float
        Deviations by which the value exceeds the mean.
    p : float
        One-sided: how often the null is at least as large, the value itself counted as one draw.
    """

    mean: float
    sd: float
    z: float
    p: float


def isodose_level(
    dose_gy: NDArray, *, prescription_gy: float | None, physical: bool
) -> tuple[float, str]:
    """Return the dose of the 95 % isodose, Gy, and what it is 95 % of.

    The prescription is taken where it is known, in the dose's own quantity (``physical``), and fits
    the dose; the near-maximum stands for it otherwise.
    """
    if not dose_gy.max() > 0:
        return float("inf"), "no dose"
    highest = near_maximum(dose_gy)
    if physical and prescription_gy and LOWEST <= highest / prescription_gy <= HIGHEST:
        return 0.95 * prescription_gy, "prescription"
    return 0.95 * highest, "near-maximum"


def region_codes(brain: NDArray, isodose: NDArray, enhancing: NDArray) -> NDArray:
    """Return the number of each voxel's region (int), in the order that :data:`CODES` lists."""
    return brain * (1 + isodose.astype(np.intp) + 2 * enhancing.astype(np.intp))


def shares(importance: NDArray, codes: NDArray) -> NDArray:
    """Return the shares (3,) of the brain's importance in the :data:`REGIONS`; two may overlap.

    NaN where there is no importance.
    """
    sums = np.bincount(codes.ravel(), importance.ravel(), minlength=CODES)
    with np.errstate(invalid="ignore"):
        return np.array([sums[2] + sums[4], sums[3] + sums[4], sums[1]]) / sums[1:].sum()


def draw_shifts(
    importance: NDArray, brain: NDArray, *, draws: int, rng: np.random.Generator
) -> NDArray:
    """Draw shifts (draws, 3), voxels, that move the centre of importance to a voxel of the brain.

    Each voxel of the brain is as likely as another.
    """
    centre = (np.indices(brain.shape).reshape(3, -1) @ importance.ravel()) / importance.sum()
    places = np.argwhere(brain)
    return places[rng.integers(len(places), size=draws)] - np.round(centre).astype(int)


def shifted_shares(importance: NDArray, codes: NDArray, shifts: NDArray) -> NDArray:
    """Return the shares (draws, 3) of shifted importance.

    What leaves the brain is left out of the sum.
    """
    found = []
    for shift in shifts:
        to, source = _overlap(shift, codes.shape)
        found.append(shares(importance[source], codes[to]))
    return np.array(found).reshape(-1, len(REGIONS))


def _overlap(shift: NDArray, shape: tuple[int, ...]) -> tuple[tuple[slice, ...], ...]:
    """Return the target region of a shifted array, and its part that falls there."""
    low, high = np.maximum(shift, 0), np.minimum(np.array(shape) + shift, shape)
    high = np.maximum(low, high)
    return (
        tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True)),
        tuple(slice(int(a), int(b)) for a, b in zip(low - shift, high - shift, strict=True)),
    )


def chance(value: float, null: NDArray) -> Chance:
    """Compare a value with the draws of the null; NaN without a value or without draws."""
    null = null[np.isfinite(null)]
    if not np.isfinite(value) or not len(null):
        return Chance(*[float("nan")] * 4)
    mean, sd = float(null.mean()), float(null.std())
    z = float((value - mean) / sd) if sd > 0 else float("nan")
    return Chance(mean, sd, z, float((1 + (null >= value).sum()) / (1 + len(null))))


def channel_shares(alone: NDArray, brain: NDArray) -> NDArray:
    """Return the shares (C,) of the channels in the importance of their maps (X, Y, Z, C)."""
    sums = np.abs(alone[brain]).sum(axis=0, dtype=np.float64)
    with np.errstate(invalid="ignore"):
        return sums / sums.sum()


def rank_correlation(a: NDArray, b: NDArray) -> float:
    """Return Spearman's correlation of two (N,) arrays; NaN if one is constant."""
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return float("nan")
    return float(stats.spearmanr(a, b).statistic)


def mean_interval(
    values: NDArray, *, samples: int, confidence: float, rng: np.random.Generator
) -> Estimate:
    """Return the mean over subjects (N,) with its percentile interval, subjects drawn anew.

    Subjects without a value are left out; with fewer than
    :data:`ricenet.statistics.over_patients.FEWEST` there is no interval.
    """
    values = values[np.isfinite(values)]
    nan = float("nan")
    if len(values) < over_patients.FEWEST:
        return Estimate(float(values.mean()) if len(values) else nan, nan, nan)
    means = values[rng.integers(len(values), size=(samples, len(values)))].mean(axis=1)
    tail = (1 - confidence) / 2
    low, high = np.quantile(means, [tail, 1 - tail])
    return Estimate(float(values.mean()), float(low), float(high))
