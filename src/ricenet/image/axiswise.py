"""Interpolation between grids whose axes are parallel: one axis after the other.

Linear, spline and Gaussian weights in space are products of weights along each axis. On parallel
grids (an image made isotropic, a mask brought back to it) each axis is then a product with a sparse
matrix, which also takes the place of the spline's recursive filter (Unser, IEEE Signal Processing
Magazine 16 (1999) 22). The answer is ITK's to rounding, for a tenth of the work.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

MAX_ASKEW_VOXELS = 1e-3  # over the whole grid: affines are stored in single precision
NEGLIGIBLE = 1e-9  # the inverse of a spline's matrix decays to this within 16 voxels


def linear_weights(places: NDArray, count: int) -> NDArray:
    """Return the weights of the two neighbours of each place.

    (P, count). Outside the centres: the nearest.
    """
    inside = np.clip(places, 0, count - 1)
    return np.clip(1 - np.abs(inside[:, None] - np.arange(count)), 0, None)


def spline_weights(places: NDArray, count: int) -> NDArray:
    """Return the weights of all voxels in the interpolating cubic B-spline at each place.

    (P, count).

    The voxels are mirrored at the outer centres, as in ITK.
    """
    values_at_voxels = _basis(np.arange(count, dtype=float), count)
    return np.linalg.solve(values_at_voxels.T, _basis(places, count).T).T


def _basis(places: NDArray, count: int) -> NDArray:
    """Return the value of each voxel's mirrored cubic B-spline at each place; (P, count)."""
    taps = np.floor(places).astype(int)[:, None] + np.arange(-1, 3)
    apart = np.abs(places[:, None] - taps)
    values = np.where(apart < 1, 2 / 3 - apart**2 * (1 - apart / 2), (2 - apart) ** 3 / 6)
    period = max(2 * (count - 1), 1)
    voxels = np.abs((taps + count - 1) % period - (count - 1))
    found = np.zeros((len(places), count))
    np.add.at(found, (np.arange(len(places))[:, None], voxels), values)
    return found


def gaussian_weights(places: NDArray, count: int) -> NDArray:
    """Return the weights of the voxels in a Gaussian average about each place; (P, count).

    The deviation is half the distance of the places, so that a coarser grid sees no detail finer
    than itself. Beside the volume nothing counts.
    """
    sigma = abs(places[-1] - places[0]) / max(len(places) - 1, 1) / 2 or 0.5
    weights = np.exp(-0.5 * ((places[:, None] - np.arange(count)) / sigma) ** 2)
    return weights / weights.sum(axis=1, keepdims=True)


Weights = Callable[[NDArray, int], NDArray]
WEIGHTS: dict[str, Weights] = {"linear": linear_weights, "bspline": spline_weights}


def parallel_axes(to_volume: NDArray, shape: Sequence[int]) -> list[int] | None:
    """Find the axis of a grid that runs along each axis of a volume.

    Parameters
    ----------
    to_volume : (4, 4) array
        Voxel indices of the grid to those of the volume.
    shape : 3 ints
        Shape of the grid.

    Returns
    -------
    list of 3 ints, or None
        None where the axes are not parallel.
    """
    along = np.abs(to_volume[:3, :3]).argmax(axis=1)
    askew = np.abs(to_volume[:3, :3]) * np.asarray(shape)
    askew[range(3), along] = 0
    if sorted(along) != [0, 1, 2] or askew.sum(axis=1).max() > MAX_ASKEW_VOXELS:
        return None
    return [int(axis) for axis in along]


def sample_axiswise(
    data: NDArray,
    to_volume: NDArray,
    shape: Sequence[int],
    axes: Sequence[int],
    weights_of: Weights,
) -> NDArray:
    """Sample an array on a grid with parallel axes.

    Parameters
    ----------
    data : (X, Y, Z) array
        Voxels of the volume.
    to_volume, shape, axes
        The grid, as in :func:`parallel_axes`, and what that found.
    weights_of : function
        Weights of the voxels along an axis at each place; one of those above.

    Returns
    -------
    float32 array of ``shape``
        0 further than half a voxel outside the outer centres.
    """
    values = np.ascontiguousarray(data, np.float32)
    for axis, count in enumerate(data.shape):
        along = axes[axis]
        places = to_volume[axis, along] * np.arange(shape[along]) + to_volume[axis, 3]
        weights = weights_of(places, count)
        weights[(places < -0.5) | (places > count - 0.5)] = 0
        weights[np.abs(weights) < NEGLIGIBLE] = 0
        matrix = sparse.csr_matrix(weights.astype(np.float32))
        rest = values.shape[1:]
        values = (matrix @ values.reshape(count, -1)).reshape(-1, *rest)
        values = np.ascontiguousarray(np.moveaxis(values, 0, -1))  # the next axis comes first
    return values.transpose(np.argsort(axes))
