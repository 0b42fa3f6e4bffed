"""Which stored dose of a plan counts, and whether it is a total.

Pure decisions on what the objects state; each branch leaves a code, a rule in words and warnings.
DICOM PS3.3 C.8.8.3: PLAN is the whole plan, MULTI_PLAN several, FRACTION one *fraction group* (all
its fractions), BEAM all deliveries of a beam; only the SESSION types are a single fraction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ricenet.dose.objects import Dose, Plan
from ricenet.image.volume import Volume, require_same_space

CODES = {
    "PLAN": "plan",
    "MULTI_PLAN": "multi-plan",
    "FRACTION_SESSION": "session-x-n",
    "BEAM_SESSION": "beam-sessions-summed-x-n",
    "FRACTION": "fraction-groups-summed",
    "BEAM": "beams-summed",
}
WHOLE = ("PLAN", "MULTI_PLAN", "FRACTION_SESSION")  # a single object holds all there is of it
SINGLE = ("FRACTION_SESSION", "BEAM_SESSION")  # of one fraction


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
    decisions : list of str
        The same as codes.
    stored_kind : str
        What the objects themselves state; empty where only the row can.
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
    decisions: list[str] = field(default_factory=list)
    stored_kind: str = ""
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
    kinds = {d.summation for d in doses}
    # a dose of the whole plan stands for its parts; nothing else may lie beside others
    summation = "PLAN" if "PLAN" in kinds else min(kinds)
    if summation not in CODES or (len(kinds) > 1 and summation != "PLAN"):
        listed = ", ".join(f"{sum(d.summation == k for d in doses)} {k}" for k in sorted(kinds))
        raise ValueError(
            f"the doses of a plan are {listed}: PLAN is read, or {', '.join(sorted(CODES))} of one "
            f"type alone; export the dose of the plan"
        )
    same = [d for d in doses if d.summation == summation]
    choice = _counted(summation, same, plan, bool(row_kind))
    if summation == "PLAN":
        _compare_with_beams(choice, [d for d in doses if d.summation == "BEAM"], plan)
        if len(doses) > 1:
            choice.warnings.append(f"{len(doses) - 1} other doses of the plan are not added to it")
    choice.warnings += [note for dose in choice.used for note in dose.notes]
    return _as_the_row_says(choice, row_kind) if row_kind else choice


def _as_the_row_says(choice: Choice, row_kind: str) -> Choice:
    if row_kind != choice.kind:
        choice.warnings.append(f"the row says {row_kind}, the objects say {choice.kind}")
        choice.kind = row_kind
        choice.decisions.append(
            "row-per-fraction-x-n" if row_kind == "per_fraction" else "row-total"
        )
    choice.rule += f", row: {row_kind}"
    return choice


def _counted(summation: str, doses: list[Dose], plan: Plan | None, decided: bool) -> Choice:
    """Return the dose of objects of one summation type; ``decided`` if a person stated its kind."""
    kind = "per_fraction" if summation in SINGLE else "total"
    if summation in WHOLE:
        if len(doses) > 1:
            maxima = sorted(round(float(d.volume.data.max()), 3) for d in doses)
            raise ValueError(
                f"{len(doses)} doses of type {summation} for one plan, maxima {maxima} Gy; leave "
                f"the one that counts"
            )
        return Choice(doses[0].volume, kind, summation, [CODES[summation]], kind, doses)
    if not (summation == "FRACTION" and len(doses) == 1 and decided):
        require_complete(doses, plan)
    rule = f"sum of {len(doses)} {summation}"
    return Choice(total_of(doses), kind, rule, [CODES[summation]], kind, doses)


def require_complete(doses: Sequence[Dose], plan: Plan | None) -> None:
    """Raise ``ValueError`` unless doses of parts cover the plan, each part once.

    FRACTION must cover all fraction groups, BEAM all beams of all groups, and BEAM_SESSION all
    beams of the one group that the session belongs to.
    """
    by_beam = doses[0].summation != "FRACTION"
    what = "beams" if by_beam else "fraction groups"
    if plan is None:
        raise ValueError(
            f"doses of single {what} without their RTPLAN: they may be incomplete; "
            f"add the plan, or export the dose of the whole plan"
        )
    expected: set = set(plan.beams) if by_beam else set(plan.fractions)
    if doses[0].summation == "BEAM_SESSION":
        expected = {b for b in plan.beams if b[0] in {g for d in doses for g in d.groups}}
        if len({b[0] for b in expected}) > 1:
            raise ValueError(f"doses of single {what} belong to sessions of several groups")
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
    """Return the sum of doses on one grid, Gy."""
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
