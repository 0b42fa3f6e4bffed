"""Dose of the whole course on the reference grid, in Gy.

A single-fraction dose is multiplied by the number of fractions, as the ledger of ``ingest_dose``
says; a total stays as it is.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ricenet import step
from ricenet.volume import Volume, require_same_space


def course_total(dose_gy: NDArray, *, factor: float) -> NDArray:
    """Dose of the course from the dose as delivered by the planning system.

    Parameters
    ----------
    dose_gy : (X, Y, Z) array
        Gy, of one fraction or of the whole course.
    factor : float
        Number of fractions for a single-fraction dose, 1 for a total.
    """
    return (dose_gy * np.float32(factor)).astype(np.float32)


def eqd2(total_gy: NDArray, *, fractions: int, alpha_beta_gy: float) -> NDArray:
    """Equivalent dose in 2 Gy fractions, ``D (d + ab) / (2 + ab)`` with ``d = D / n``.

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


def main(argv: Sequence[str] | None = None) -> None:
    """Read the aligned dose and its ledger, scale, mask, write."""
    with step.Job("total_dose", argv, inputs=("dose", "mask", "ledger")) as job:
        dose, mask = job.load(job.args.dose), job.load(job.args.mask)
        require_same_space(dose, mask, "dose and brain mask")
        ledger = job.read_record(job.args.ledger)["facts"]["ledger"]
        total = course_total(dose.data, factor=ledger["factor"])
        if job.settings["quantity"] == "eqd2":
            n = step.checked(ledger["fractions"], "eqd2 needs the number of fractions in the table")
            total = eqd2(total, fractions=n, alpha_beta_gy=job.settings["alpha_beta_gy"])
        else:
            native_maximum = ledger["maximum_gy"] * ledger["factor"]
            job.check("maximum", float(total.max()), at_most=native_maximum * 1.0001, unit="Gy")
        job.check("minimum", float(total.min()), at_least=0.0, unit="Gy")
        brain = mask.data > 0
        job.check("maximum in the brain", float(total[brain].max()), at_least=1e-3, unit="Gy")
        job.fact("integral_dose_gy_ml", float(total.sum(dtype=np.float64) * dose.voxel_ml))
        if job.settings["mask_dose"]:
            total = np.where(brain, total, np.float32(0))
        job.save(job.args.out, Volume(total, dose.affine))


if __name__ == "__main__":
    step.run(main)
