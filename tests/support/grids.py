"""Volumes on grids that lie anyhow, and their sampling by scipy."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import SimpleITK as sitk
from scipy.ndimage import map_coordinates
from scipy.spatial.transform import Rotation

from ricenet.image.volume import Volume


def rigid(degrees, shift) -> np.ndarray:
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_euler("xyz", degrees, degrees=True).as_matrix()
    matrix[:3, 3] = shift
    return matrix


def oblique(spacing=(0.9, 1.2, 2.1)) -> np.ndarray:
    return rigid((12, -8, 25), (-11.0, 4.0, 20.0)) @ np.diag([*spacing, 1.0])


def scipy_sampled(volume: Volume, shape, affine, matrix, order: int):
    """Values, and the index in the volume that each came from."""
    index = np.moveaxis(np.indices(shape), 0, -1).astype(float)
    world = nib.affines.apply_affine(matrix @ affine, index)
    places = np.moveaxis(nib.affines.apply_affine(np.linalg.inv(volume.affine), world), -1, 0)
    return map_coordinates(volume.data.astype(float), places, order=order, mode="mirror"), places


def mapped(transform: sitk.Transform, points) -> np.ndarray:
    """Points in RAS, through a transform that speaks LPS."""
    flip = np.array([-1.0, -1.0, 1.0])
    return np.array(
        [np.multiply(transform.TransformPoint((p * flip).tolist()), flip) for p in points]
    )
