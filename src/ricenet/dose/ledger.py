"""The ledger: how a stored dose becomes the total of the course, and why one may believe it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ricenet.dose.decision import ROW_REMEDY, Choice, fractions
from ricenet.dose.objects import Plan

PRESCRIPTION_BAND = (0.9, 1.15)  # near-maximum of a plan over its prescription


def make_ledger(
    choice: Choice, plan: Plan | None, row: Mapping[str, str], settings: Mapping[str, Any]
) -> dict[str, Any]:
    """How the stored dose becomes the course total, and why one may believe it.

    Raises
    ------
    ValueError
        Number of fractions, maximum or prescription contradict each other or the limits.
    """
    single = choice.kind == "per_fraction"
    n, source = fractions(
        row.get("fractions", ""),
        plan,
        needed=single,
        lowest=settings["min_fractions"],
        highest=settings["max_fractions"],
    )
    factor = n if single and n else 1
    maximum = float(choice.volume.data.max())
    if maximum * factor > settings["max_total_gy"]:
        raise ValueError(
            f"maximum of the course {maximum * factor:.2f} Gy (stored {maximum:.3f} Gy x {factor}) "
            f"is above {settings['max_total_gy']:g} Gy; is it a total already? {ROW_REMEDY}"
        )
    prescription = plan.prescription_gy if plan else None
    check, warnings = _believed(choice, prescription, n, decided=bool(row.get("dose_kind")))
    return {
        "kind": choice.kind,
        "factor": factor,
        "fractions": n,
        "source_of_fractions": source,
        "rule": choice.rule + (f" x {n}" if single else ""),
        "maximum_gy": maximum,
        "total_maximum_gy": maximum * factor,
        "plan_minus_beams_gy": choice.plan_minus_beams_gy,
        "prescription_gy": prescription,
        "plausibility": check,
        "warnings": [*choice.warnings, *warnings],
    }


def _believed(
    choice: Choice, prescription_gy: float | None, n: int | None, *, decided: bool
) -> tuple[dict[str, Any], list[str]]:
    """Plausibility for the ledger; a contradiction stops unless a person has ``decided``."""
    if prescription_gy is None:
        return {}, ["no prescription known: the size of the dose was not checked against it"]
    highest = near_maximum(choice.volume.data)
    found, contradiction = plausibility(highest, prescription_gy, n, kind=choice.kind)
    if contradiction and not decided:
        raise ValueError(f"{contradiction}; {ROW_REMEDY}")
    return found, [contradiction] if contradiction else []


def near_maximum(dose_gy: NDArray) -> float:
    """99.9th percentile of the voxels above half of the maximum, Gy: no single hot voxel."""
    return float(np.percentile(dose_gy[dose_gy > dose_gy.max() / 2], 99.9))


def plausibility(
    near_maximum_gy: float, prescription_gy: float, n: int | None, *, kind: str
) -> tuple[dict[str, float | str], str | None]:
    """Compare the near-maximum with the prescription.

    Parameters
    ----------
    near_maximum_gy, prescription_gy : float
        Near-maximum of the stored dose, and prescription of the course.
    n : int or None
        Number of fractions.
    kind : str
        What the dose is taken for, ``total`` or ``per_fraction``.

    Returns
    -------
    dict
        Numbers for the ledger.
    str or None
        The contradiction, if there is one.
    """
    low, high = PRESCRIPTION_BAND
    shares = {"total": near_maximum_gy / prescription_gy}
    if n:
        shares["per_fraction"] = shares["total"] * n
    fits = [name for name, share in shares.items() if low <= share <= high]
    found: dict[str, float | str] = {
        "near_maximum_gy": round(near_maximum_gy, 4),
        "near_maximum": "99.9th percentile of the voxels above half of the maximum",
        "reads_as": " or ".join(fits) or "neither",
        **{f"over_prescription_as_{k}": round(v, 4) for k, v in shares.items()},
    }
    if kind in fits:
        return found, None
    return found, (
        f"taken for {kind}, but the near-maximum {near_maximum_gy:.3f} Gy is "
        f"{shares['total']:.3f} of the prescription {prescription_gy:g} Gy"
        + (f" and {shares['per_fraction']:.3f} of one of {n} fractions" if n else "")
        + f" ({low} to {high} expected): it reads as {found['reads_as']}"
    )
