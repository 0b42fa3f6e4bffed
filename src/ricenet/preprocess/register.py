"""Registration of two whole heads: estimated there and back, judged, written.

A registration is estimated twice, from the moving to the fixed image and from the fixed to the
moving one, each time from a start of its own. Of two right results one undoes the other; one that
is lost by two millimetres shows, though all else looks well. The other gates on the result are in
``registration_gates``.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from ricenet import step
from ricenet.image import transforms
from ricenet.image.volume import Volume
from ricenet.preprocess import registration_gates
from ricenet.preprocess.estimate import estimate, estimate_by_default


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
    """Register there and back in one way and write the verdicts of the gates to the record."""
    s = job.settings
    try:
        there = way(fixed, moving, transform=s["transform"], seed=s["seed"])
        back = way(moving, fixed, transform=s["transform"], seed=s["seed"] + 1)
    except ValueError as error:
        names = f"{job.args.moving.name} to {job.args.fixed.name}"
        raise ValueError(f"{names}: {error}") from error
    if len(masks) == 2:
        registration_gates.gate_brains(job, fixed, moving, masks, there)
    else:
        registration_gates.gate_heads(job, fixed, moving, there)
        registration_gates.gate_skull(job, moving, masks[-1], there)
    registration_gates.gate_repeatability(job, masks[-1], there, back)
    return there


def use_one_thread() -> None:
    """Let ITK compute in one thread, however many there are: with several, sums differ by order.

    A metric whose last digits differ leads an optimiser elsewhere, once by 19 mm.
    """
    os.environ["ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"] = "1"
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)


def main(argv: Sequence[str] | None = None) -> None:
    """Register a moving image to a fixed one, check, write the transform."""
    with step.Job("register", argv, inputs=("moving", "fixed", "masks*")) as job:
        s = job.settings
        use_one_thread()
        moving, fixed = job.load(job.args.moving), job.load(job.args.fixed)
        masks = [job.load(path) for path in job.args.masks]
        job.say(f"{s['transform']} registration, there and back")
        quick = partial(
            estimate,
            iterations=s["iterations"],
            sampling_rate=s["sampling_rate"],
            both_mri=len(masks) == 2,
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
