"""Spatial transforms: files, chains, matrices.

A transform named ``a_to-b`` brings image a onto image b. As ITK has it, it maps *points* of b to
points of a (LPS mm), because resampling asks for each target point where to look.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from ricenet.image.volume import LPS_FROM_RAS, Volume


def read(path: str | Path) -> sitk.Transform:
    """Read an ITK transform file (``.tfm``, ``.mat`` or ``.h5``)."""
    try:
        return sitk.ReadTransform(str(path))
    except RuntimeError as error:
        raise ValueError(f"{Path(path).name}: not a readable ITK transform") from error


def write(path: str | Path, transform: sitk.Transform) -> None:
    """Write an ITK transform file and read it again: ITK gives no error on a full disk.

    Raises
    ------
    OSError
        The file does not hold the transform.
    """
    sitk.WriteTransform(transform, str(path))
    try:
        found = sitk.ReadTransform(str(path))
    except RuntimeError:
        found = sitk.Transform()
    for name in ("GetParameters", "GetFixedParameters"):
        wanted = getattr(transform, name)()
        if not np.array_equal(getattr(found, name)(), wanted):
            raise OSError(f"{Path(path).suffix} file was not written whole")


def chain(transforms: Sequence[sitk.Transform]) -> sitk.Transform:
    """Return one transform for a chain ``a_to-b, b_to-c, ...``.

    Brings image a onto the last image.
    """
    return sitk.CompositeTransform(list(transforms)) if transforms else sitk.Transform()


def matrix_ras(transform: sitk.Transform) -> NDArray:
    """Return the matrix of a linear transform, found by mapping points.

    Returns
    -------
    (4, 4) array
        Maps points of the target image to points of the moving image, RAS mm.
    """
    origin = np.array(transform.TransformPoint((0.0, 0.0, 0.0)))
    lps = np.eye(4)
    for axis in range(3):
        point = np.zeros(3)
        point[axis] = 100.0
        lps[:3, axis] = (np.array(transform.TransformPoint(point.tolist())) - origin) / 100
    lps[:3, 3] = origin
    return LPS_FROM_RAS @ lps @ LPS_FROM_RAS


def from_matrix_ras(matrix: NDArray) -> sitk.Transform:
    """Return the linear transform of a (4, 4) matrix that maps target to moving points, RAS mm."""
    lps = LPS_FROM_RAS @ np.asarray(matrix, dtype=np.float64) @ LPS_FROM_RAS
    transform = sitk.AffineTransform(3)
    transform.SetMatrix(lps[:3, :3].ravel().tolist())
    transform.SetTranslation(lps[:3, 3].tolist())
    return transform


def map_points(transform: sitk.Transform, points: NDArray) -> NDArray:
    """Map points of the target image to points of the moving image.

    Parameters
    ----------
    transform : sitk.Transform
        Any.
    points : (N, 3) array
        RAS mm.

    Returns
    -------
    (N, 3) array
        RAS mm.
    """
    flip = np.diag(LPS_FROM_RAS)[:3]
    return np.array([transform.TransformPoint(p) for p in (points * flip).tolist()]) * flip


def points_in(mask: Volume, *, count: int = 4000) -> NDArray:
    """Return voxel centres of a mask, spread evenly over it, and its outermost ones.

    Parameters
    ----------
    mask : Volume
        What is above 0 counts; not empty.
    count : int
        About how many.

    Returns
    -------
    (N, 3) array
        RAS mm. A linear map displaces most at an outermost point: those of 26 directions are among
        them.
    """
    voxels = np.argwhere(mask.data > 0)
    points = voxels @ mask.affine[:3, :3].T + mask.affine[:3, 3]
    directions = np.array([d for d in product((-1, 0, 1), repeat=3) if any(d)])
    outermost = points[(points @ directions.T).argmax(axis=0)]
    return np.concatenate([points[:: max(1, len(points) // count)], outermost])
