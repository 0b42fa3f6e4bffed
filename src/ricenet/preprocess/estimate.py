"""Estimation with ANTs of the transform between two whole heads.

The heads are registered with skull and scalp: stripped volumes have too few edges to hold on to.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from typing import Any

import ants
import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from ricenet.image import transforms
from ricenet.image.interpolation import sample
from ricenet.image.volume import Volume, to_itk
from ricenet.preprocess import registration_gates, starts

ANTS_NAMES = {"rigid": "Rigid", "affine": "Affine", "syn": "SyN"}
MARGIN_MM = 10.0


def estimate(
    fixed: Volume,
    moving: Volume,
    *,
    transform: str,
    iterations: Sequence[int],
    sampling_rate: float,
    seed: int,
    both_mri: bool,
) -> sitk.Transform:
    """Return the transform that brings a moving image onto a fixed one.

    It begins at the best of many poses (``starts``), found on voxels of 8 and 5 mm, and from there
    ANTs maximises Mattes' mutual information (Avants et al., NeuroImage 54 (2011) 2033) with voxels
    of twice the size and with the voxels themselves. Of two MRI only the fixed head and its near
    :func:`surroundings` count for ANTs, because the noise in the air blurs the metric; the even air
    of a CT helps to hold the edge of the skin. In one thread the same images give the same bits.

    Parameters
    ----------
    fixed, moving : Volume
        Whole heads, isotropic voxels of one size.
    transform : {"rigid", "affine", "syn"}
        What is estimated.
    iterations : 4 ints
        Most poses that are looked at on 8 and on 5 mm, most iterations of ANTs' linear stage at
        twice the voxel size and at full size.
    sampling_rate : float
        Share of voxels that ANTs' metric looks at.
    seed : int
        Seed of the choice of those voxels, not 0: ANTs would take the time.
    both_mri : bool
        Whether both images are MRI.

    Raises
    ------
    ValueError
        No transform was found.
    """
    pose = starts.best_pose(fixed, moving, evaluations=(iterations[0], iterations[1]))
    with tempfile.TemporaryDirectory() as folder:
        start = f"{folder}/start.mat"
        transforms.write(start, transforms.from_matrix_ras(pose))
        found = _ants(
            fixed,
            moving,
            transform,
            seed=seed,
            outprefix=f"{folder}/fine",
            initial_transform=[start],
            aff_iterations=tuple(iterations[2:]),
            aff_shrink_factors=(2, 1),
            aff_smoothing_sigmas=(1, 0),
            aff_random_sampling_rate=sampling_rate,
            mask=_to_ants(surroundings(fixed)) if both_mri else None,
            mask_all_stages=True,
        )
        return _flat([_read(path) for path in found])


def estimate_by_default(
    fixed: Volume, moving: Volume, *, transform: str, seed: int
) -> sitk.Transform:
    """Estimate the transform with ANTs' default settings: whole images, more iterations."""
    with tempfile.TemporaryDirectory() as folder:
        found = _ants(
            fixed,
            moving,
            transform,
            seed=seed,
            outprefix=f"{folder}/",
            aff_iterations=(2100, 1200, 1200, 10),
            aff_shrink_factors=(6, 4, 2, 1),
            aff_smoothing_sigmas=(3, 2, 1, 0),
            aff_random_sampling_rate=0.2,
        )
        return _flat([_read(path) for path in found])


def _ants(
    fixed: Volume, moving: Volume, transform: str, *, seed: int, **settings: Any
) -> list[str]:
    """Return the files that ``ants.registration`` writes, in the order of application."""
    # antspyx 0.6.3 ignores ``random_seed=`` and takes the seed from here; with ``on`` it would
    # refuse rigid registration
    ants.config.set_ants_deterministic(on=False, seed_value=seed)
    images = _to_ants(fixed), _to_ants(moving)
    try:
        result = ants.registration(*images, type_of_transform=ANTS_NAMES[transform], **settings)
    except (RuntimeError, IndexError) as error:
        raise ValueError(
            "ANTs found no transform: look at both images, one may be empty or show no head"
        ) from error
    return result["fwdtransforms"][::-1]  # ANTs applies its list from the last to the first


def surroundings(image: Volume) -> Volume:
    """Find the head and what lies within :data:`MARGIN_MM` of it; 1 there, on the image's grid."""
    outline = registration_gates.outline_of(image)
    depth_mm = ndimage.distance_transform_edt(outline.data == 0, outline.spacing_mm)
    near = Volume((depth_mm <= MARGIN_MM).astype(np.uint8), outline.affine)
    return sample(near, image.data.shape, image.affine, interpolator="nearest")


def _to_ants(volume: Volume) -> ants.ANTsImage:
    frame = to_itk(Volume(np.zeros((1, 1, 1), np.uint8), volume.affine))
    return ants.from_numpy(
        volume.data.astype(np.float32),
        origin=frame.GetOrigin(),
        spacing=frame.GetSpacing(),
        direction=np.reshape(frame.GetDirection(), (3, 3)),
    )


def _read(path: str) -> sitk.Transform:
    if path.endswith(".nii.gz"):
        return sitk.DisplacementFieldTransform(sitk.ReadImage(path, sitk.sitkVectorFloat64))
    return transforms.read(path)


def _flat(parts: list[sitk.Transform]) -> sitk.Transform:
    if len(parts) == 1:
        return transforms.from_matrix_ras(transforms.matrix_ras(parts[0]))
    return sitk.CompositeTransform(parts)
