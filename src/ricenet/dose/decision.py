"""Which stored dose counts, whether it is a total, and of how many fractions.

Pure decisions on what the objects say; each branch leaves a short rule and warnings.
``C.8.8.3`` is a section of DICOM PS3.3: PLAN is the whole plan, FRACTION one *fraction group* (all
its fractions), BEAM all deliveries of a beam; only FRACTION_SESSION is a single fraction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ricenet.dose.objects import Dose, Plan
from ricenet.volume import Volume, require_same_space

ROW_REMEDY = "write dose_kind and fractions in the subject's row"


@dataclass
class Choice:
    """The stored dose that counts.

    Attributes
    ----------
    volume : Volume
        Gy.
    kind : str
        ``total`` or ``per_fraction``.
    rule : str
        How it was chosen.
    used : list of Dose
        The objects it was made of.
    warnings : list of str
        What a person should know.
    plan_minus_beams_gy : float or None
        Largest difference of the plan's dose and the sum of its beams, where both are there.
    """

    volume: Volume
    kind: str
    rule: str
    used: list[Dose] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    plan_minus_beams_gy: float | None = None


def choose(doses: Sequence[Dose], plan: Plan | None, *, row_kind: str) -> Choice:
    """Choose or sum the doses of one plan.

    Parameters
    ----------
    doses : sequence of Dose
        All of one plan, none twice.
    plan : Plan or None
        Their plan, where it is at hand.
    row_kind : str
        ``dose_kind`` of the subject's row; empty: as the objects say.

    Raises
    ------
    ValueError
        Nothing that can be counted without doubt.
    """
    kinds = sorted({d.summation for d in doses})
    for summation in ("PLAN", "FRACTION_SESSION", "FRACTION", "BEAM"):
        same = [d for d in doses if d.summation == summation]
        if same and (summation == "PLAN" or len(kinds) == 1):
            break
    else:
        listed = ", ".join(f"{sum(d.summation == k for d in doses)} {k}" for k in kinds)
        raise ValueError(
            f"the doses are {listed}: this version reads PLAN, or FRACTION, FRACTION_SESSION or "
            f"BEAM alone; export the dose of the plan"
        )
    choice = _counted(summation, same, plan, bool(row_kind))
    if summation == "PLAN":
        _compare_with_beams(choice, [d for d in doses if d.summation == "BEAM"], plan)
        if len(doses) > 1:
            choice.warnings.append(f"{len(doses) - 1} other doses of the plan are not added to it")
    if row_kind and row_kind != choice.kind:
        choice.warnings.append(f"the row says {row_kind}, the objects say {choice.kind}")
        choice.kind = row_kind
    if row_kind:
        choice.rule += f", row: {row_kind}"
    return choice


def _counted(summation: str, doses: list[Dose], plan: Plan | None, decided: bool) -> Choice:
    """Dose of objects of one summation type; ``decided`` if a person says what it is."""
    if summation in ("PLAN", "FRACTION_SESSION"):
        if len(doses) > 1:
            maxima = sorted(round(float(d.volume.data.max()), 3) for d in doses)
            raise ValueError(
                f"{len(doses)} doses of type {summation} for one plan, maxima {maxima} Gy; leave "
                f"the one that counts"
            )
        kind = "total" if summation == "PLAN" else "per_fraction"
        return Choice(doses[0].volume, kind, summation, doses)
    if not (summation == "FRACTION" and len(doses) == 1 and decided):
        require_complete(doses, plan)
    return Choice(total_of(doses), "total", f"sum of {len(doses)} {summation}", doses)


def require_complete(doses: Sequence[Dose], plan: Plan | None) -> None:
    """Raise ``ValueError`` unless FRACTION or BEAM doses cover each part of the plan once."""
    by_beam = doses[0].summation == "BEAM"
    what = "beams" if by_beam else "fraction groups"
    if plan is None:
        raise ValueError(
            f"doses of single {what} without their RTPLAN: nobody can tell whether they are all; "
            f"add the plan, or export the dose of the whole plan"
        )
    expected: set = set(plan.beams) if by_beam else set(plan.fractions)
    covered = [part for d in doses for part in (d.beams if by_beam else d.groups)]
    if len(covered) != len(set(covered)) or not all(
        d.beams if by_beam else d.groups for d in doses
    ):
        raise ValueError(f"doses of single {what} overlap or do not say what they cover")
    if set(covered) != expected or not expected:
        raise ValueError(
            f"incomplete: doses of {len(set(covered) & expected)} of the plan's {len(expected)} "
            f"{what}, {len(set(covered) - expected)} unknown to it; export them all, or the dose "
            f"of the whole plan"
        )


def total_of(doses: Sequence[Dose]) -> Volume:
    """Sum of doses on one grid, Gy."""
    first = doses[0].volume
    total = np.zeros(first.data.shape, np.float64)
    for dose in doses:
        require_same_space(first, dose.volume, "the doses to be added")
        total += dose.volume.data
    return Volume(total.astype(np.float32), first.affine)


def _compare_with_beams(choice: Choice, beams: list[Dose], plan: Plan | None) -> None:
    if not beams:
        return
    try:
        require_complete(beams, plan)
        total = total_of(beams)
        require_same_space(choice.volume, total, "dose of the plan and sum of its beams")
    except ValueError as error:
        choice.warnings.append(f"beams not compared with the plan: {error}")
        return
    difference = float(np.abs(choice.volume.data - total.data).max())
    choice.plan_minus_beams_gy = difference
    if difference > 0.02 * float(choice.volume.data.max()):
        choice.warnings.append(f"the plan differs from the sum of its beams by {difference:.3g} Gy")


def fractions(
    row: str, plan: Plan | None, *, needed: bool, lowest: int, highest: int
) -> tuple[int | None, str | None]:
    """Find the number of fractions and who says so: the row (delivered) before the plan (planned).

    Raises
    ------
    ValueError
        Row and plan disagree, outside the limits, or needed but unknown.
    """
    groups = list(plan.fractions.values()) if plan else []
    planned = groups[0] if len(groups) == 1 else None  # groups may run side by side: no sum
    stated = int(row) if row else None
    if stated is not None and planned is not None and stated != planned:
        raise ValueError(
            f"the subject's row says {stated} fractions, the plan {planned}; correct the row, or "
            f"leave it empty if the plan was delivered as planned"
        )
    count, source = (stated, "row") if stated is not None else (planned, "plan")
    if count is None:
        if needed:
            raise ValueError(
                f"a dose of one fraction, and neither row nor plan says how many; {ROW_REMEDY}"
            )
        return None, None
    if not lowest <= count <= highest:
        raise ValueError(
            f"{count} fractions (from the {source}) are outside {lowest} to {highest}; correct "
            f"the {source}, or min_fractions and max_fractions in the configuration"
        )
    return count, source
