"""Registration of two whole heads: estimated there and back, judged, written.

A registration is estimated twice, from the moving to the fixed image and from the fixed to the
moving one, each time from a start of its own. Of two right results one undoes the other; one that
is lost by two millimetres shows, though all else looks well. The other gates on the result are in
``registration_gates``.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from ricenet import step
from ricenet.config.preprocess import Register
from ricenet.image import transforms
from ricenet.image.volume import Volume
from ricenet.preprocess import contrast_gates, left_right, registration_gates
from ricenet.preprocess.estimate import estimate, estimate_by_default
from ricenet.step import Check


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


def motion_of(fixed: Volume, found: sitk.Transform) -> dict[str, Any]:
    """Return the matrix, and how far it turns and shifts the middle of the image, as facts."""
    matrix = transforms.matrix_ras(found)
    rotation_deg, translation_mm = motion(matrix, fixed.centre_mm)
    return {
        "fixed_to_moving_points_ras_mm": matrix.round(6).tolist(),
        "rotation_deg": round(rotation_deg, 3),
        "translation_mm": round(translation_mm, 3),
    }


class Attempt(NamedTuple):
    """A registration, the verdicts of the gates, and facts for the record."""

    found: sitk.Transform
    checks: list[Check]
    facts: dict[str, Any]


def attempt(
    fixed: Volume,
    moving: Volume,
    masks: Sequence[Volume],
    way: Callable[..., sitk.Transform],
    *,
    sequences: tuple[str, str],
    limits: Register,
) -> Attempt:
    """Register there and back in one way and judge the result.

    Parameters
    ----------
    masks : sequence of Volume
        Brain masks, that of the fixed image last; the moving image may have none of its own.
    way : callable
        Registers two images; see ``estimate``.
    sequences : (str, str)
        Of the moving and the fixed image; that of a planning CT is empty.

    Raises
    ------
    ValueError
        No transform was found.
    """
    there = way(fixed, moving, transform=limits.transform, seed=limits.seed)
    back = way(moving, fixed, transform=limits.transform, seed=limits.seed + 1)
    facts: dict[str, Any] = {}
    if sequences[0] == sequences[1]:
        checks = registration_gates.of_brains(fixed, moving, masks, there, limits=limits)
        margin = left_right.margin(fixed, moving, masks, there)
        facts["correlation_mirrored"] = round(margin.mirrored, 4)
        checks.append(registration_gates.of_sides(margin, least=limits.min_left_right))
    elif sequences[0]:
        checks, facts = contrast_gates.of_contrasts(
            fixed, moving, masks[-1], there, back, sequences=sequences, limits=limits
        )
    else:
        checks = [
            registration_gates.of_heads(fixed, moving, there, limits=limits),
            registration_gates.of_skull(moving, masks[-1], there, limits=limits),
        ]
    beside_mm = registration_gates.there_and_back_mm(masks[-1], there, back)
    facts["repeatability_mean_mm"] = round(float(beside_mm.mean()), 3)
    checks.append(registration_gates.of_repeatability(beside_mm, limits=limits))
    return Attempt(there, checks, facts)


def use_one_thread() -> None:
    """Let ITK compute in one thread, however many there are: with several, sums differ by order.

    A metric whose last digits differ leads an optimiser elsewhere, once by 19 mm.
    """
    os.environ["ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"] = "1"
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)


def main(argv: Sequence[str] | None = None) -> None:
    """Register a moving image to a fixed one, check, write the transform."""
    with step.Job(
        "register", argv, inputs=("moving", "fixed", "masks*"), values=("sequences",)
    ) as job:
        s = Register.model_validate(job.settings)
        use_one_thread()
        moving, fixed = job.load(job.args.moving), job.load(job.args.fixed)
        masks = [job.load(path) for path in job.args.masks]
        of_moving, of_fixed = json.loads(job.args.sequences)
        job.say(f"{s.transform} registration, there and back")
        quick = partial(
            estimate,
            iterations=s.iterations,
            sampling_rate=s.sampling_rate,
            both_mri=bool(of_moving),
        )
        judged = partial(attempt, fixed, moving, masks, sequences=(of_moving, of_fixed), limits=s)
        result = None
        with suppress(ValueError):
            result = judged(way=quick)
        if result is None or not all(map(step.passes, result.checks)):
            checks = result.checks if result else []
            failed = ", ".join(check.name for check in checks if not step.passes(check))
            why = f"gates failed ({failed})" if failed else "no transform"
            job.say(f"{why}: registering again with ANTs' default settings")
            job.fact("first_attempt", {c.name: _rounded(c.value) for c in checks})
            try:
                result = judged(way=estimate_by_default)
            except ValueError as error:
                names = f"{job.args.moving.name} to {job.args.fixed.name}"
                raise ValueError(f"{names}: {error}") from error
        job.facts |= result.facts
        step.write(job, result.checks)
        if s.transform != "syn":
            job.facts |= motion_of(fixed, result.found)
        transforms.write(job.stage(job.args.out), result.found)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)
