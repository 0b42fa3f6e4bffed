"""Whether the size of a dose fits what is known of its course.

Evidence is a number that states how large the dose should be: a prescription, the doses of the
plan's beams, the number of fractions. Each gives a verdict: value, limits, and a contradiction in
words where the dose does not fit. A dose without any evidence has no verdict, which is no pass.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

LOWEST, HIGHEST = 0.9, 1.15  # near-maximum of a plan over its prescription
# over the dose at the beams' specification points, which may lie off the target's plateau
BEAMS_LOWEST, BEAMS_HIGHEST = 0.8, 1.3
Verdict = dict[str, Any]


def near_maximum(dose_gy: NDArray) -> float:
    """Return 99.9th percentile of the voxels above half of the maximum, Gy: no single hot voxel."""
    return float(np.percentile(dose_gy[dose_gy > dose_gy.max() / 2], 99.9))


def plausibility(
    near_maximum_gy: float,
    prescription_gy: float,
    n: int | None,
    *,
    kind: str,
    evidence: str = "prescription",
    limits: tuple[float, float] = (LOWEST, HIGHEST),
) -> Verdict:
    """Compare the near-maximum of a stored dose with the prescription.

    Parameters
    ----------
    near_maximum_gy, prescription_gy : float
        Near-maximum of the stored dose, and prescription of the course.
    n : int or None
        Number of fractions that the prescription is given in.
    kind : str
        What the dose is taken for, ``total`` or ``per_fraction``.
    evidence : str
        What a person calls the prescription.
    limits : tuple of 2 floats
        Of the near-maximum over it.

    Returns
    -------
    dict
        Numbers for the ledger; ``over_prescription`` is the share as what it is taken for,
        ``contradiction`` a sentence or None.
    """
    lowest, highest = limits
    shares = {"total": near_maximum_gy / prescription_gy}
    if n:
        shares["per_fraction"] = shares["total"] * n
    fits = [name for name, share in shares.items() if lowest <= share <= highest]
    reads_as = " or ".join(fits) or "neither"
    share = shares.get(kind, shares["total"])
    return {
        "evidence": evidence,
        "value": share,
        "unit": "",
        "at_least": lowest,
        "at_most": highest,
        "near_maximum_gy": round(near_maximum_gy, 4),
        "near_maximum": "99.9th percentile of the voxels above half of the maximum",
        "prescription_gy": prescription_gy,
        "reads_as": reads_as,
        **{f"over_prescription_as_{k}": round(v, 4) for k, v in shares.items()},
        "over_prescription": share,
        "contradiction": None
        if kind in fits
        else (
            f"taken for {kind}, but the near-maximum {near_maximum_gy:.3f} Gy is "
            f"{shares['total']:.3f} of the {evidence} {prescription_gy:g} Gy"
            + (f" and {shares['per_fraction']:.3f} of one of {n} fractions" if n else "")
            + f" ({lowest:g} to {highest:g} expected): it reads as {reads_as}"
        ),
    }


def of_fractions(
    near_maximum_gy: float, n: int, *, settings: Mapping[str, Any], prescribed: bool
) -> Verdict:
    """Compare the near-maximum of a course with its number of fractions.

    Parameters
    ----------
    near_maximum_gy : float
        Of the whole course.
    n : int
        Fractions that it is given in.
    settings : mapping
        ``min_fraction_gy``, ``max_fraction_gy``.
    prescribed : bool
        Whether a prescription is known: a fraction may then be as large as that says.
    """
    gy = near_maximum_gy / n
    lowest, highest = settings["min_fraction_gy"], settings["max_fraction_gy"]
    fits = lowest <= gy and (prescribed or gy <= highest)
    return {
        "evidence": "number of fractions",
        "value": gy,
        "unit": "Gy per fraction",
        "at_least": lowest,
        **({} if prescribed else {"at_most": highest}),
        "near_maximum_gy": round(near_maximum_gy, 4),
        "contradiction": None
        if fits
        else f"the near-maximum {near_maximum_gy:.3f} Gy of the course in {n} fractions is "
        f"{gy:.3f} Gy a fraction ({lowest:g} to {highest:g} Gy expected)",
    }


def of_size(near_maximum_gy: float, *, settings: Mapping[str, Any], prescribed: bool) -> Verdict:
    """Check that a course is larger than a single fraction may be.

    Without a prescription it must reach ``min_course_gy``, with one only ``max_fraction_gy``.
    """
    key = "max_fraction_gy" if prescribed else "min_course_gy"
    lowest = settings[key]
    return {
        "evidence": f"ingest_dose.{key}",
        "value": near_maximum_gy,
        "unit": "Gy",
        "at_least": lowest,
        "near_maximum_gy": round(near_maximum_gy, 4),
        "contradiction": None
        if near_maximum_gy >= lowest
        else f"the near-maximum of the course is {near_maximum_gy:.3f} Gy, at least {lowest:g} Gy "
        f"expected: it may be the dose of one fraction, or of a part of the course",
    }


def decisive(verdicts: Sequence[Verdict]) -> Verdict:
    """Return the first verdict that contradicts, else the first; empty where there is none."""
    return next((v for v in verdicts if v["contradiction"]), verdicts[0] if verdicts else {})
