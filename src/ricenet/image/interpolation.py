"""Sampling a volume on another grid, through a transform, in one interpolation."""

from __future__ import annotations

from collections.abc import Sequence

import nibabel as nib
import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from ricenet.image.axiswise import WEIGHTS, gaussian_weights, parallel_axes, sample_axiswise
from ricenet.image.volume import Volume, centre_mm, from_itk, to_itk

INTERPOLATORS = {
    "nearest": sitk.sitkNearestNeighbor,
    "linear": sitk.sitkLinear,
    "bspline": sitk.sitkBSpline3,
    "windowed_sinc": sitk.sitkHammingWindowedSinc,
}


def isotropic_grid(
    shape: Sequence[int], affine: NDArray, *, spacing_mm: float
) -> tuple[tuple[int, int, int], NDArray]:
    """Return the isotropic grid over the field of view of an image.

    The axes are those of the image, reordered and flipped to run closest to right, anterior and
    superior; they are not rotated, so an image that is isotropic already is not interpolated.

    Parameters
    ----------
    shape, affine : (3,) ints, (4, 4) array
        Grid of the image, RAS mm.
    spacing_mm : float
        Wanted distance of voxel centres.

    Returns
    -------
    tuple of 3 ints, (4, 4) array
        Shape and affine. Both fields of view have the same centre.
    """
    to_canonical = nib.orientations.inv_ornt_aff(nib.io_orientation(affine), shape)
    canonical = affine @ to_canonical
    order = nib.io_orientation(affine)[:, 0].argsort().astype(int)
    size_mm = np.asarray(shape)[order] * np.linalg.norm(canonical[:3, :3], axis=0)
    directions = canonical[:3, :3] / np.linalg.norm(canonical[:3, :3], axis=0)
    count = np.maximum(np.ceil(size_mm / spacing_mm - 1e-3).astype(int), 1)
    grid = np.eye(4)
    grid[:3, :3] = directions * spacing_mm
    grid[:3, 3] = centre_mm(shape, affine) - grid[:3, :3] @ ((count - 1) / 2)
    x, y, z = (int(c) for c in count)
    return (x, y, z), grid


def sample(
    volume: Volume,
    shape: Sequence[int],
    affine: NDArray,
    *,
    interpolator: str,
    transform: sitk.Transform | None = None,
) -> Volume:
    """Sample a volume on a grid.

    Parameters
    ----------
    volume : Volume
        What is sampled.
    shape, affine : (3,) ints, (4, 4) array
        The grid, RAS mm.
    interpolator : str
        A key of :data:`INTERPOLATORS`.
    transform : sitk.Transform, optional
        Maps points of the grid to points of the volume (ITK's convention, LPS mm).

    Returns
    -------
    Volume
        On the grid; 0 outside the volume's field of view. Never outside the range of the
        volume's own values: splines and sinc overshoot at edges.
    """
    to_volume = np.linalg.inv(volume.affine) @ affine
    still = transform is None or transform.GetTransformEnum() == sitk.sitkIdentity
    separable = still and interpolator in WEIGHTS and volume.data.dtype != np.uint8
    axes = parallel_axes(to_volume, shape) if separable else None
    if axes is not None:
        data = sample_axiswise(volume.data, to_volume, shape, axes, WEIGHTS[interpolator])
    else:
        data = sample_with_itk(volume, shape, affine, interpolator, transform)
    low, high = min(0, volume.data.min()), max(0, volume.data.max())
    return Volume(np.clip(data, low, high, dtype=data.dtype), affine)


def sample_with_itk(
    volume: Volume,
    shape: Sequence[int],
    affine: NDArray,
    interpolator: str,
    transform: sitk.Transform | None,
) -> NDArray:
    """Sample a volume by ITK, on any grid through any transform.

    Parameters as of :func:`sample`.
    """
    target = sitk.Image([int(n) for n in shape], sitk.sitkUInt8)
    frame = to_itk(Volume(np.zeros((1, 1, 1), np.uint8), affine))
    target.SetOrigin(frame.GetOrigin())
    target.SetSpacing(frame.GetSpacing())
    target.SetDirection(frame.GetDirection())
    moved = sitk.Resample(
        to_itk(volume), target, transform or sitk.Transform(), INTERPOLATORS[interpolator], 0.0
    )
    return from_itk(moved).data


def coarse(volume: Volume, *, spacing_mm: float) -> Volume:
    """Smooth a volume and sample it on a coarser isotropic grid over its field of view.

    Parameters
    ----------
    volume : Volume
        What is sampled.
    spacing_mm : float
        Distance of voxel centres; the Gaussian's deviation is half of it.
    """
    shape, affine = isotropic_grid(volume.data.shape, volume.affine, spacing_mm=spacing_mm)
    to_volume = np.linalg.inv(volume.affine) @ affine
    axes = parallel_axes(to_volume, shape)
    assert axes is not None  # an isotropic grid keeps the axes of its volume
    return Volume(sample_axiswise(volume.data, to_volume, shape, axes, gaussian_weights), affine)
