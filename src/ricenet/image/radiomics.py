"""First-order and shape features of a region as the IBSI defines them.

Zwanenburg et al., Radiology 295:328, 2020, and the reference manual, arXiv 1612.07003. Names are
the manual's in short, each with its code. Nothing is discretised or resampled here. Values are held
to the digital phantom of the IBSI in ``tests/image/test_radiomics.py``.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.spatial import ConvexHull, QhullError
from scipy.spatial.distance import pdist
from skimage.measure import marching_cubes

NAN = float("nan")
INSIDE = 0.5
FEWEST_VOXELS = 8  # below, a surface and axes mean nothing


def first_order(values: NDArray) -> dict[str, float]:
    """Return the intensity-based statistics of the voxels of a region (IBSI 3.3).

    Parameters
    ----------
    values : (N,) array
        Their unit is that of means, percentiles and deviations. NaN of all without voxels.
    """
    x = np.asarray(values, dtype=np.float64)
    if not x.size:
        return dict.fromkeys(FIRST_ORDER, NAN)
    p10, p25, median, p75, p90 = np.percentile(x, [10, 25, 50, 75, 90])
    mean, variance = float(x.mean()), float(x.var())
    within = x[(x >= p10) & (x <= p90)]
    varies = variance > 1e-12 * max(1.0, mean**2)
    found = (
        mean, variance,
        float(stats.skew(x)) if varies else 0.0, float(stats.kurtosis(x)) if varies else 0.0,
        median, x.min(), p10, p90, x.max(), p75 - p25, np.ptp(x),
        np.abs(x - mean).mean(), np.abs(within - within.mean()).mean(),
        np.abs(x - median).mean(),
        np.sqrt(variance) / mean if mean else NAN,
        (p75 - p25) / (p75 + p25) if p75 + p25 else NAN,
        (x**2).sum(), np.sqrt((x**2).mean()), *_volume_fractions(x),
    )  # fmt: skip
    return {name: float(value) for name, value in zip(FIRST_ORDER, found, strict=True)}


# Q4LE ECT3 KE2A IPH6 Y12H 1GSF QG58 8DWT 84IY SALO 2OJQ 4FUA 1128 N72L 7TET 9S40 N8CA 5ZWQ;
# of the intensity-volume histogram (3.5) BC2M at 10 and 90 %, DDTU
FIRST_ORDER = (
    "mean", "variance", "skewness", "kurtosis", "median", "minimum", "p10", "p90", "maximum", "iqr",
    "range", "mean_deviation", "robust_mean_deviation", "median_deviation", "variation",
    "quartile_dispersion", "energy", "root_mean_square", "volume_at_10", "volume_at_90",
    "volume_10_less_90",
)  # fmt: skip


def _volume_fractions(x: NDArray) -> tuple[float, float, float]:
    """Return the share of voxels from 10 and from 90 % of the range of intensities on."""
    span = np.ptp(x)
    if not span:
        return NAN, NAN, NAN
    share = (x - x.min()) / span
    low, high = float((share >= 0.1 - 1e-9).mean()), float((share >= 0.9 - 1e-9).mean())
    return low, high, low - high


# RNU0 YEKZ C0JK 2PR5 SKGS BQWJ KRCK QCFX 25C7 L0JK TDIC P9VJ 7J51 Q3CK N17B PBX1 R59B R3ER 7T7F
SHAPE = (
    "volume_mm3", "voxel_volume_mm3", "surface_mm2", "surface_to_volume", "compactness_1",
    "compactness_2", "spherical_disproportion", "sphericity", "asphericity", "diameter_mm",
    "major_axis_mm", "minor_axis_mm", "least_axis_mm", "elongation", "flatness", "volume_density",
    "area_density", "hull_volume_density", "hull_area_density",
)  # fmt: skip


def shape(share: NDArray, spacing_mm: Sequence[float]) -> dict[str, float]:
    """Return the morphological features of a region (IBSI 3.1), by a mesh through its rim.

    Parameters
    ----------
    share : (X, Y, Z) array
        Share of each voxel inside; a mask is 0 and 1. NaN of all below eight voxels.
    """
    spacing = np.asarray(spacing_mm, dtype=np.float64)
    inside = np.asarray(share) >= INSIDE
    if inside.sum() < FEWEST_VOXELS:
        return dict.fromkeys(SHAPE, NAN)
    box = tuple(slice(i.min(), i.max() + 1) for i in np.nonzero(inside))
    own = np.pad(inside[box].astype(np.float64), 1)
    corners, faces, _, _ = marching_cubes(own, INSIDE, spacing=tuple(spacing))
    a, b, c = (corners[faces[:, k]].astype(np.float64) for k in range(3))
    volume = abs(float(np.einsum("ij,ij->i", a, np.cross(b, c)).sum())) / 6
    surface = float(np.linalg.norm(np.cross(b - a, c - a), axis=1).sum()) / 2
    places = np.argwhere(inside) * spacing
    axes = 4 * np.sqrt(np.maximum(np.linalg.eigvalsh(np.cov(places.T)), 0))[::-1]
    sides = np.ptp(corners, axis=0).astype(np.float64)
    hull = _hull(corners)
    sphere = (36 * np.pi * volume**2) ** (1 / 3)  # surface of a sphere of this volume
    found = (
        volume, inside.sum() * spacing.prod(), surface, surface / volume,
        volume / (np.sqrt(np.pi) * surface**1.5), 36 * np.pi * volume**2 / surface**3,
        surface / sphere, sphere / surface,
        (surface**3 / (36 * np.pi * volume**2)) ** (1 / 3) - 1,
        float(pdist(corners[hull.vertices] if hull else corners).max()),
        *axes, axes[1] / axes[0], axes[2] / axes[0],
        volume / sides.prod(),
        surface / (2 * (sides[0] * sides[1] + sides[1] * sides[2] + sides[2] * sides[0])),
        volume / hull.volume if hull else NAN, surface / hull.area if hull else NAN,
    )  # fmt: skip
    return {name: float(value) for name, value in zip(SHAPE, found, strict=True)}


def _hull(corners: NDArray) -> ConvexHull | None:
    try:
        return ConvexHull(corners)
    except QhullError:
        return None
