"""Registration of two whole heads with ANTs.

The heads are registered with skull and scalp: stripped volumes have too few edges to hold on to.
The gates on the result are in ``registration_gates``.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from typing import Any

import ants
import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from ricenet import program, registration_gates, step, transforms
from ricenet.volume import Volume, to_itk

ANTS_NAMES = {"rigid": "Rigid", "affine": "Affine", "syn": "SyN"}


# what ANTs itself would do: six times the work, for the pair that a shorter schedule does not bring
# through its gates
THOROUGH = {"iterations": [2100, 1200, 1200, 10], "sampling_rate": 0.2}


def estimate(
    fixed: Volume,
    moving: Volume,
    *,
    transform: str,
    iterations: Sequence[int],
    sampling_rate: float,
    seed: int,
) -> sitk.Transform:
    """Transform that brings a moving image onto a fixed one.

    ANTs starts from the centres of mass and maximises Mattes' mutual information over four
    resolutions (Avants et al., NeuroImage 54 (2011) 2033). Repeatable to rounding with several
    threads, to the bit with one.

    Parameters
    ----------
    fixed, moving : Volume
        Whole heads.
    transform : {"rigid", "affine", "syn"}
        What is estimated.
    iterations : 4 ints
        Most iterations of the linear stage at each resolution, coarse to fine.
    sampling_rate : float
        Share of voxels that the metric looks at.
    seed : int
        Seed of the choice of those voxels.

    Raises
    ------
    ValueError
        ANTs found no transform.
    """
    # antspyx 0.6.3 ignores ``random_seed=`` and takes the seed from here; with ``on`` it would
    # refuse rigid registration
    ants.config.set_ants_deterministic(on=False, seed_value=seed)
    with tempfile.TemporaryDirectory() as folder:
        try:
            result = ants.registration(
                _to_ants(fixed),
                _to_ants(moving),
                type_of_transform=ANTS_NAMES[transform],
                outprefix=f"{folder}/",
                aff_iterations=tuple(iterations),
                aff_shrink_factors=(6, 4, 2, 1),
                aff_smoothing_sigmas=(3, 2, 1, 0),
                aff_random_sampling_rate=sampling_rate,
            )
        except (RuntimeError, IndexError) as error:
            raise ValueError(
                "ANTs found no transform: look at both images, one may be empty or show no head"
            ) from error
        # ANTs applies its list from the last to the first, as a chain does
        return _flat([_read(path) for path in reversed(result["fwdtransforms"])])


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
    """Size of a rigid motion.

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
    schedule: Mapping[str, Any],
) -> sitk.Transform:
    """Register by one schedule and write the verdicts of the gates to the record."""
    try:
        found = estimate(
            fixed,
            moving,
            transform=job.settings["transform"],
            iterations=schedule["iterations"],
            sampling_rate=schedule["sampling_rate"],
            seed=job.settings["seed"],
        )
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
        found = attempt(job, fixed, moving, masks, s)
        if any(c["verdict"] == "fail" for c in job.checks) and not s.items() >= THOROUGH.items():
            job.say("once more, with ANTs' own schedule")
            job.fact("first_attempt", {c["check"]: c["value"] for c in job.checks})
            job.checks.clear()
            found = attempt(job, fixed, moving, masks, THOROUGH)
        if s["transform"] != "syn":
            record_motion(job, fixed, found)
        transforms.write(job.stage(job.args.out), found)


if __name__ == "__main__":
    program.run(main)
