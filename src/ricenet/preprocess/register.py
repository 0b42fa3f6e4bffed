"""Registration of two whole heads with ANTs.

The heads are registered with skull and scalp: stripped volumes have too few edges to hold on to.
The gates on the result are in ``registration_gates``.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import ants
import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial.transform import Rotation

from ricenet import step
from ricenet.image import transforms
from ricenet.image.interpolation import coarse, sample
from ricenet.image.volume import Volume, to_itk
from ricenet.preprocess import registration_gates

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
    """Return the transform that brings a moving image onto a fixed one, in two calls of ANTs.

    ANTs starts from the centres of mass and maximises Mattes' mutual information (Avants et al.,
    NeuroImage 54 (2011) 2033): first on whole heads with voxels of twice the size, at three
    resolutions, then with the voxels themselves. There, of two MRI only the fixed head and its
    near :func:`surroundings` count, because the noise in the air blurs the metric; the even air of
    a CT helps to hold the edge of the skin. Repeatable to rounding with several threads, to the
    bit with one.

    Parameters
    ----------
    fixed, moving : Volume
        Whole heads, isotropic voxels of one size.
    transform : {"rigid", "affine", "syn"}
        What is estimated.
    iterations : 4 ints
        Most iterations of the linear stage at each resolution, coarse to fine.
    sampling_rate : float
        Share of voxels that the metric looks at.
    seed : int
        Seed of the choice of those voxels, not 0: ANTs would take the time.
    both_mri : bool
        Whether both images are MRI.

    Raises
    ------
    ValueError
        ANTs found no transform.
    """
    double_mm = 2 * max(fixed.spacing_mm)
    fixed_rough, moving_rough = (coarse(image, spacing_mm=double_mm) for image in (fixed, moving))
    with tempfile.TemporaryDirectory() as folder:
        rough = _ants(
            fixed_rough,
            moving_rough,
            "rigid" if transform == "rigid" else "affine",
            seed=seed,
            outprefix=f"{folder}/rough",
            aff_iterations=tuple(iterations[:3]),
            aff_shrink_factors=(3, 2, 1),
            aff_smoothing_sigmas=(1.5, 1, 0),
            aff_random_sampling_rate=sampling_rate,
        )
        fine = _ants(
            fixed,
            moving,
            transform,
            seed=seed,
            outprefix=f"{folder}/fine",
            initial_transform=rough,
            aff_iterations=(iterations[3],),
            aff_shrink_factors=(1,),
            aff_smoothing_sigmas=(0,),
            aff_random_sampling_rate=sampling_rate,
            mask=_to_ants(surroundings(fixed)) if both_mri else None,
            mask_all_stages=True,
        )
        return _flat([_read(path) for path in fine])


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
    thin = registration_gates.thinned(image, registration_gates.OUTLINE_MM)
    outline = registration_gates.head_outline(thin)
    depth_mm = ndimage.distance_transform_edt(~outline, thin.spacing_mm)
    near = Volume((depth_mm <= MARGIN_MM).astype(np.uint8), thin.affine)
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


def motion(matrix: NDArray, centre_mm: NDArray) -> tuple[float, float]:
    """Return the size of a rigid motion.

    Parameters
    ----------
    matrix : (4, 4) array
        Linear transform, RAS mm; of an affine one its nearest rotation counts.
    centre_mm : (3,) array
        Point whose shift is measured: a turn about a far origin shifts everything.

    Returns
    -------
    tuple of 2 floats
        Angle of the rotation, degrees, and distance that the point moves, mm.
    """
    left, _, right = np.linalg.svd(matrix[:3, :3])
    left[:, 2] *= np.sign(np.linalg.det(left @ right))  # a reflection has a nearest rotation too
    angle_rad = Rotation.from_matrix(left @ right).magnitude()
    shift_mm = matrix[:3, :3] @ centre_mm + matrix[:3, 3] - centre_mm
    return float(np.degrees(angle_rad)), float(np.linalg.norm(shift_mm))


def record_motion(job: step.Job, fixed: Volume, found: sitk.Transform) -> None:
    """Write the matrix, and how far it turns and shifts the middle of the image, to the record."""
    matrix = transforms.matrix_ras(found)
    rotation_deg, translation_mm = motion(matrix, fixed.centre_mm)
    job.fact("fixed_to_moving_points_ras_mm", matrix.round(6).tolist())
    job.fact("rotation_deg", round(rotation_deg, 3))
    job.fact("translation_mm", round(translation_mm, 3))


def attempt(
    job: step.Job,
    fixed: Volume,
    moving: Volume,
    masks: Sequence[Volume],
    way: Callable[..., sitk.Transform],
) -> sitk.Transform:
    """Register in one way and write the verdicts of the gates to the record."""
    s = job.settings
    try:
        found = way(fixed, moving, transform=s["transform"], seed=s["seed"])
    except ValueError as error:
        names = f"{job.args.moving.name} to {job.args.fixed.name}"
        raise ValueError(f"{names}: {error}") from error
    if masks:
        registration_gates.gate_brains(job, fixed, moving, masks, found)
    else:
        registration_gates.gate_heads(job, fixed, moving, found)
    return found


def main(argv: Sequence[str] | None = None) -> None:
    """Register a moving image to a fixed one, check, write the transform."""
    with step.Job("register", argv, inputs=("moving", "fixed", "masks*")) as job:
        s = job.settings
        moving, fixed = job.load(job.args.moving), job.load(job.args.fixed)
        masks = [job.load(path) for path in job.args.masks]
        job.say(f"{s['transform']} registration with {job.args.threads} threads")
        quick = partial(
            estimate,
            iterations=s["iterations"],
            sampling_rate=s["sampling_rate"],
            both_mri=bool(masks),
        )
        found = None
        with suppress(ValueError):
            found = attempt(job, fixed, moving, masks, quick)
        if found is None or any(c["verdict"] != "pass" for c in job.checks):
            job.say("a gate failed: registering again with ANTs' default settings")
            job.fact("first_attempt", {c["check"]: c["value"] for c in job.checks})
            job.checks.clear()
            found = attempt(job, fixed, moving, masks, estimate_by_default)
        if s["transform"] != "syn":
            record_motion(job, fixed, found)
        transforms.write(job.stage(job.args.out), found)
