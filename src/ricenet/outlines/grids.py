"""Grids of which each voxel is one of an image's: the same lattice, its axes in any order."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np
from numpy.typing import NDArray

from ricenet.image.volume import Volume

OFF_GRID = 0.05  # of a voxel, at the corners: a quaternion in single precision, over 128 voxels


def voxel_places(affine: NDArray, shape: Sequence[int], image: Volume) -> NDArray | None:
    """Return the matrix that gives the voxel of an image for each voxel of another grid.

    Parameters
    ----------
    affine, shape : (4, 4) array, 3 ints
        The other grid, RAS mm.
    image : Volume
        The image.

    Returns
    -------
    (4, 4) int array, or None
        None where a corner of the grid lies beside the image's voxels.
    """
    exact = np.linalg.inv(image.affine) @ affine
    nearest = np.rint(exact)
    corners = np.array([[*c, 1] for c in product(*((0, max(n - 1, 1)) for n in shape))])
    off = np.abs(corners @ (exact - nearest)[:3].T).max()
    turn = np.abs(nearest[:3, :3])
    is_turn = (turn.sum(axis=0) == 1).all() and (turn.sum(axis=1) == 1).all()
    return nearest.astype(int) if off <= OFF_GRID and is_turn else None


def on_grid(mask: Volume, image: Volume) -> NDArray:
    """Return the voxels of a mask in the order of an image's; nothing is interpolated.

    Returns
    -------
    (X, Y, Z) array

    Raises
    ------
    ValueError
        The mask lies on another grid than the image: other voxels, or more, or fewer.
    """
    matrix = voxel_places(mask.affine, mask.data.shape, image)
    if matrix is not None:
        turned = mask.data.transpose(np.abs(matrix[:3, :3]).argmax(axis=1))
        backwards = np.flatnonzero(matrix[:3, :3].sum(axis=1) < 0)
        first = np.zeros(3, int)
        first[backwards] = np.subtract(turned.shape, 1)[backwards]
        if turned.shape == image.data.shape and (matrix[:3, 3] == first).all():
            return np.ascontiguousarray(np.flip(turned, tuple(backwards)))
    raise ValueError(
        f"the mask has {_described(mask)}, the image {_described(image)}: another grid, and "
        f"nothing is resampled by guess; give the mask on the voxels of the image that it was "
        f"drawn on"
    )


def _described(volume: Volume) -> str:
    shape = " x ".join(str(n) for n in volume.data.shape)
    spacing = " x ".join(f"{s:.4g}" for s in volume.spacing_mm)
    return f"{shape} voxels of {spacing} mm about {volume.centre_mm.round(2).tolist()}"
