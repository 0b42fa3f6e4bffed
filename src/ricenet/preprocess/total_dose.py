"""Dose of the whole course on the reference grid, in Gy.

A single-fraction dose is multiplied by the number of fractions, as the ledger of ``ingest_dose``
says; a total stays as it is. Several plans, ``(X, Y, Z, P)``, are multiplied or converted one by
one and then added.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ricenet import step
from ricenet.image.volume import Volume, require_same_space
from ricenet.step import Check

MIN_BRAIN_GY = 1e-3  # less counts as no dose


def course_total(dose_gy: NDArray, *, factor: float) -> NDArray:
    """Return the dose of the course from the dose as delivered by the planning system.

    Parameters
    ----------
    dose_gy : (X, Y, Z) array
        Gy, of one fraction or of the whole course.
    factor : float
        Number of fractions for a single-fraction dose, 1 for a total.
    """
    return (dose_gy * np.float32(factor)).astype(np.float32)


def eqd2(total_gy: NDArray, *, fractions: int, alpha_beta_gy: float) -> NDArray:
    """Return the equivalent dose in 2 Gy fractions, ``D (d + ab) / (2 + ab)`` with ``d = D / n``.

    Parameters
    ----------
    total_gy : (X, Y, Z) array
        Physical dose of the course, Gy.
    fractions : int
        Number of fractions n it was given in.
    alpha_beta_gy : float
        The tissue's alpha/beta ratio ab, Gy.

    References
    ----------
    Fowler, Br J Radiol 62 (1989) 679; Joiner and Bentzen, Basic Clinical Radiobiology, ch. 10.
    """
    per_fraction = total_gy / fractions
    return (total_gy * (per_fraction + alpha_beta_gy) / (2 + alpha_beta_gy)).astype(np.float32)


def equivalents(
    parts_gy: Sequence[NDArray], ledgers: Sequence[Mapping[str, Any]], *, alpha_beta_gy: float
) -> NDArray:
    """Return the sum of the EQD2 of several plans, each with its own number of fractions.

    Parameters
    ----------
    parts_gy : sequence of (X, Y, Z) arrays
        Physical dose of each plan's course, Gy.
    ledgers : sequence of mapping
        The ledger's entry for each plan.
    alpha_beta_gy : float
        The tissue's alpha/beta ratio, Gy.

    Raises
    ------
    ValueError
        A number of fractions is unknown.
    """
    counts = [
        step.checked(x["fractions"], "eqd2 needs the number of fractions in the table")
        for x in ledgers
    ]
    converted = [
        eqd2(part, fractions=n, alpha_beta_gy=alpha_beta_gy)
        for part, n in zip(parts_gy, counts, strict=True)
    ]
    return added(converted)


def added(parts_gy: Sequence[NDArray]) -> NDArray:
    """Return the voxelwise sum of (X, Y, Z) arrays."""
    return np.asarray(np.sum(parts_gy, axis=0, dtype=np.float32))


def course_parts(dose: Volume, ledgers: Sequence[Mapping[str, Any]]) -> list[NDArray]:
    """Return the physical dose of each plan's course, Gy; (X, Y, Z) arrays."""
    data = dose.data if dose.data.ndim == 4 else dose.data[..., None]
    if data.shape[3] != len(ledgers):
        raise ValueError(
            f"the dose has {data.shape[3]} parts, its ledger {len(ledgers)}; run ingest_dose again"
        )
    return [course_total(data[..., i], factor=x["factor"]) for i, x in enumerate(ledgers)]


def main(argv: Sequence[str] | None = None) -> None:
    """Read the aligned dose and its ledger, scale, add, mask, write."""
    with step.Job("total_dose", argv, inputs=("dose", "mask", "ledger")) as job:
        dose, mask = job.load(job.args.dose, parts=True), job.load(job.args.mask)
        ledger = job.read_record(job.args.ledger)["facts"]["ledger"]
        parts = course_parts(dose, ledger["parts"])
        total = physical = added(parts)
        require_same_space(Volume(physical, dose.affine), mask, "dose and brain mask")
        if job.settings["quantity"] == "eqd2":
            total = equivalents(parts, ledger["parts"], alpha_beta_gy=job.settings["alpha_beta_gy"])
        brain = mask.data > 0
        step.write(job, checks_of(physical, brain, native_maximum_gy=ledger["total_maximum_gy"]))
        for name, values in (("", total), ("physical_", physical)):
            integral = float(values.sum(dtype=np.float64) * dose.voxel_ml)
            job.fact(f"{name}integral_dose_gy_ml", integral)
            job.fact(f"{name}maximum_gy", float(values.max()))
        if job.settings["mask_dose"]:
            total = np.where(brain, total, np.float32(0))
        job.save(job.args.out, Volume(total, dose.affine))


def checks_of(physical_gy: NDArray, brain: NDArray, *, native_maximum_gy: float) -> list[Check]:
    """Check the physical dose of a course, (X, Y, Z), Gy: its extremes, and that in the brain."""
    maximum = Check(
        "dose-maximum",
        float(physical_gy.max()),
        at_most=native_maximum_gy * 1.0001,
        unit="Gy",
        advice="linear interpolation cannot exceed the stored maximum: run the subject again from "
        "ingest_dose",
    )
    minimum = Check(
        "dose-minimum",
        float(physical_gy.min()),
        at_least=0.0,
        unit="Gy",
        advice="a dose below 0: export it again",
    )
    in_brain = Check(
        "dose-in-brain",
        float(physical_gy[brain].max(initial=0)),
        at_least=MIN_BRAIN_GY,
        unit="Gy",
        advice="no dose in the brain: look at the overview picture; check that dose and images "
        "belong together, and the column dose_frame",
    )
    return [maximum, minimum, in_brain]
