"""How alike the brains of two images are, whichever way they lie.

Correlation of coarse images says little: all heads are alike. What differs between persons is of
the size of sulci, so images are band-passed, turned and shifted against each other: first on a
coarse grid, where all pairs are tried, then on a finer one, where few are.

Arrays are (X, Y, Z) with RAS+ axes.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.optimize import minimize
from scipy.spatial.transform import Rotation

GRID, COARSE_MM = 26, 8.0  # voxels along each axis: a head of 20 cm
FINE_GRID, FINE_MM = 50, 4.0
COARSE_BAND_MM, FINE_BAND_MM = (5.0, 14.0), (2.5, 6.0)  # Gaussians whose difference is taken
ENOUGH_MM = 2.0  # finer voxels are thinned out to this
RIM_MM = 6.0  # the outline of a brain is alike in all heads, and hardest to get right
TURNS_DEG = (-8.0, 0.0, 8.0)  # about each axis: heads lie within some degrees of each other
FURTHEST_MM = 24.0  # of the shift between two brains' centres


class Brain(NamedTuple):
    """A band-passed brain about its centre of mass, of length 1, on two grids."""

    coarse: NDArray
    fine: NDArray


def prepared(image: NDArray, mask: NDArray, spacing_mm: Sequence[float]) -> Brain:
    """Return what of an image tells persons apart.

    Parameters
    ----------
    image : (X, Y, Z) array
    mask : (X, Y, Z) bool array
        Brain.
    """
    spacing = np.asarray(spacing_mm, dtype=float)
    every = tuple(slice(None, None, max(1, int(ENOUGH_MM / mm + 1e-6))) for mm in spacing)
    image, mask = image[every], mask[every]
    spacing = spacing * [axis.step for axis in every]
    depth = ndimage.distance_transform_edt(mask, sampling=spacing)
    weight = np.clip(depth / RIM_MM - 0.5, 0, 1).astype(np.float32)
    values = image[mask]
    low, high = np.quantile(values, [0.02, 0.98])
    scaled = np.where(mask, (np.clip(image, low, high) - values.mean()) / (values.std() or 1), 0)
    centre = np.array(ndimage.center_of_mass(mask))
    grids = []
    for band, size, mm in (
        (COARSE_BAND_MM, GRID, COARSE_MM), (FINE_BAND_MM, FINE_GRID, FINE_MM),
    ):  # fmt: skip
        narrow, wide = (_smooth(scaled, mask, sigma / spacing) for sigma in band)
        steps = mm / spacing
        start = centre - steps * (size - 1) / 2
        grid = ndimage.affine_transform(
            weight * (narrow - wide), np.diag(steps), start, (size,) * 3, order=1
        )
        grids.append(_of_length_one(grid))
    return Brain(*grids)


def _smooth(image: NDArray, mask: NDArray, sigma: NDArray) -> NDArray:
    """Return the mean of the neighbours inside a mask, with Gaussian weights."""
    share = ndimage.gaussian_filter(mask.astype(np.float32), sigma)
    return ndimage.gaussian_filter(image.astype(np.float32), sigma) / np.maximum(share, 0.05)


def _of_length_one(grid: NDArray) -> NDArray:
    found = grid - grid.mean()
    length = float(np.linalg.norm(found))
    return (found / length if length else found).astype(np.float32)


def turned(grid: NDArray, degrees: Sequence[float], shift: Sequence[float] = (0, 0, 0)) -> NDArray:
    """Return a grid turned about its centre, and shifted by voxels."""
    matrix = Rotation.from_euler("xyz", degrees, degrees=True).as_matrix()
    centre = (np.array(grid.shape) - 1) / 2
    return ndimage.affine_transform(
        grid, matrix, centre - matrix @ (centre + np.asarray(shift)), order=1
    )


def coarse_scores(brains: Sequence[Brain]) -> tuple[NDArray, NDArray]:
    """Return the best correlation of each pair over turns and shifts on the coarse grid.

    Returns
    -------
    (N, N) float array
        Symmetric; 0 on the diagonal.
    (N, N, 6) float array
        Degrees and voxels by which the first was turned and shifted, of pairs above the diagonal.
    """
    n, reach = len(brains), int(FURTHEST_MM / COARSE_MM)
    scores, poses = np.zeros((n, n)), np.zeros((n, n, 6))
    spectra = [np.fft.rfftn(b.coarse) for b in brains]
    near = [np.r_[0 : reach + 1, GRID - reach : GRID]] * 3
    for i, brain in enumerate(brains):
        for degrees in product(TURNS_DEG, repeat=3):
            own = np.conj(np.fft.rfftn(_of_length_one(turned(brain.coarse, degrees))))
            for j in range(i + 1, n):
                found = np.fft.irfftn(spectra[j] * own, (GRID,) * 3)[np.ix_(*near)]
                place = np.unravel_index(int(np.argmax(found)), found.shape)
                if found[place] > scores[i, j]:
                    scores[i, j] = found[place]
                    shift = [float(axis[k]) for axis, k in zip(near, place, strict=True)]
                    poses[i, j] = [*degrees, *(s - GRID * (s > GRID / 2) for s in shift)]
    return scores + scores.T, poses


def refined(first: Brain, second: Brain, pose: NDArray) -> float:
    """Return the best correlation of a pair on the fine grid, from a pose of the coarse grid on."""

    def loss(parameters: NDArray) -> float:
        moved = _of_length_one(turned(first.fine, list(parameters[:3]), list(parameters[3:])))
        return -float((moved * second.fine).sum())

    start = np.array([*pose[:3], *(pose[3:] * COARSE_MM / FINE_MM)])
    steps = np.vstack([start, start + np.diag([4.0, 4, 4, 1.5, 1.5, 1.5])])
    found = minimize(
        loss, start, method="Nelder-Mead",
        options={"initial_simplex": steps, "maxfev": 150, "xatol": 0.05, "fatol": 1e-3},
    )  # fmt: skip
    return -float(found.fun)
