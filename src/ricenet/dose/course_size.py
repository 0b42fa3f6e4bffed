"""Whether the size of a course fits what is known of it: one verdict from all evidence.

The row's prescription comes before the plans'. Of several plans the sum is compared with the
prescription of the course; the plans' own, added up, are none unless treatment records say that
each was given.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ricenet.dose.course import EQUAL, Part, weighted_sum
from ricenet.dose.plausibility import (
    BEAMS_HIGHEST,
    BEAMS_LOWEST,
    HIGHEST,
    LOWEST,
    Verdict,
    decisive,
    near_maximum,
    of_fractions,
    of_size,
    plausibility,
)
from ricenet.image.volume import Volume

BEAMS = "doses of the beams"
OF_SEVERAL = (
    "the dose sums several plans, and it is unknown what their course was prescribed (plans of one "
    "prescription and as many fractions may be one course planned twice)"
)
OTHER_KIND = {"total": "per_fraction", "per_fraction": "total"}


@dataclass
class Size:
    """Verdicts of all evidence on the size of a course.

    Attributes
    ----------
    prescription_gy, source : float and str, or None
        Of the course, and who says so: ``row``, ``plan``, ``plan beside the dose``, ``records``.
    verdicts : list of dict
        Of the course; empty where there is no evidence.
    of_parts : list of dict
        The verdict of each of several plans on its own; empty where it has no evidence.
    confirms_delivered : bool
        The row's prescription fits what was delivered, and not what was planned.
    not_made : str
        Why there is no verdict.
    warnings : list of str
        What a person should know.
    """

    prescription_gy: float | None = None
    source: str | None = None
    verdicts: list[Verdict] = field(default_factory=list)
    of_parts: list[Verdict] = field(default_factory=list)
    confirms_delivered: bool = False
    not_made: str = ""
    warnings: list[str] = field(default_factory=list)

    @property
    def verdict(self) -> Verdict:
        """The one that counts: a contradiction before the others; empty if none was made."""
        wrong = [v for v in (*self.verdicts, *self.of_parts) if v and v["contradiction"]]
        return wrong[0] if wrong else {} if self.not_made else decisive(self.verdicts)


def size_of(
    parts: Sequence[Part], volume: Volume, row: Mapping[str, str], settings: Mapping[str, Any]
) -> Size:
    """Compare the size of a course with all evidence.

    Parameters
    ----------
    parts : sequence of Part
        The plans that count.
    volume : Volume
        (X, Y, Z), or (X, Y, Z, P) of several parts on one grid; Gy as stored.
    row : mapping
        ``prescription_gy`` of the subject's row.
    settings : mapping
        ``min_fraction_gy``, ``max_fraction_gy``, ``min_course_gy``.
    """
    stated = float(row["prescription_gy"]) if row.get("prescription_gy") else None
    if len(parts) == 1:
        return _of_one(parts[0], stated, settings)
    return _of_several(parts, volume, stated, settings)


# --- one plan ------------------------------------------------------------------------------------


def _of_one(part: Part, stated: float | None, settings: Mapping[str, Any]) -> Size:
    near, n, kind = near_maximum(part.choice.volume.data), part.prescribed_in, part.choice.kind
    of_plan = None if part.unprescribed else part.prescription_gy or part.group_gy
    if part.unprescribed and not stated:
        return Size(not_made=OF_SEVERAL)
    found = Size(stated or of_plan)
    if found.prescription_gy:
        found.source = "row" if stated else "plan" if part.named else "plan beside the dose"
        verdict = plausibility(near, found.prescription_gy, n, kind=kind)
        if stated and verdict["contradiction"]:
            # a person may state what was prescribed, or what was delivered of it
            given = plausibility(near * part.factor, stated, None, kind="total")
            if not given["contradiction"]:
                found.confirms_delivered, verdict = True, given
        found.verdicts.append(verdict)
    if stated and of_plan and plausibility(near, of_plan, n, kind=kind)["contradiction"]:
        found.warnings.append(f"the row prescribes {stated:g} Gy, its plan {of_plan:g} Gy")
    _add_beams(found, part, near)
    prescribed = bool(found.verdicts)
    if n:
        course = near * part.factor_as_planned
        found.verdicts.append(of_fractions(course, n, settings=settings, prescribed=prescribed))
    if not found.verdicts:
        found.not_made = (
            f"neither a prescription nor a number of fractions is known: nothing says whether "
            f"{near:.2f} Gy is the course"
        )
        return found
    found.verdicts.append(of_size(near * part.factor, settings=settings, prescribed=prescribed))
    return found


def _add_beams(found: Size, part: Part, near_gy: float) -> None:
    """Add the verdict of the beams' doses.

    Beside a prescription they count where they say that the dose is of the other kind; a point may
    lie where the dose is lower than in the target.
    """
    if not part.beams_gy:
        return
    verdict = _by_beams(part, near_gy, part.beams_gy)
    if not found.verdicts or verdict["reads_as"] == OTHER_KIND[part.choice.kind]:
        found.verdicts.append(verdict)
    elif verdict["contradiction"]:
        found.warnings.append(verdict["contradiction"])


def _by_beams(part: Part, near_gy: float, beams_gy: float) -> Verdict:
    limits = (BEAMS_LOWEST, BEAMS_HIGHEST)
    n, kind = part.prescribed_in, part.choice.kind
    return plausibility(near_gy, beams_gy, n, kind=kind, evidence=BEAMS, limits=limits)


# --- several plans -------------------------------------------------------------------------------


def _of_several(
    parts: Sequence[Part], volume: Volume, stated: float | None, settings: Mapping[str, Any]
) -> Size:
    planned = near_maximum(weighted_sum(volume, [p.factor_as_planned for p in parts]))
    delivered = near_maximum(weighted_sum(volume, [float(p.factor) for p in parts]))
    common = common_prescription(parts, planned)
    recorded = all(p.fractions.source in ("records", "row and records") for p in parts)
    found = Size(stated, "row" if stated else None)
    if not stated and common:
        found.prescription_gy, found.source = common, "plan"
    elif not stated and recorded and all(p.own_gy for p in parts):
        shares = (float(p.own_gy or 0) * p.fractions.delivered_share for p in parts)
        found.prescription_gy, found.source = sum(shares), "records"
    found.of_parts = [_of_part(p, found.prescription_gy, settings) for p in parts]
    if found.prescription_gy:
        verdict = plausibility(delivered, found.prescription_gy, None, kind="total")
        whole = plausibility(planned, found.prescription_gy, None, kind="total")
        found.confirms_delivered = bool(
            stated and whole["contradiction"] and not verdict["contradiction"]
        )
        # what was prescribed may have been broken off
        found.verdicts.append(whole if verdict["contradiction"] else verdict)
    elif not (recorded and all(found.of_parts)):
        found.not_made = (
            f"{len(parts)} plans are added to a near-maximum of {delivered:.2f} Gy, and nothing "
            f"says what their course was prescribed"
        )
        return found
    prescribed = bool(found.prescription_gy)
    found.verdicts.append(of_size(delivered, settings=settings, prescribed=prescribed))
    return found


def common_prescription(parts: Sequence[Part], planned_gy: float) -> float | None:
    """Return the prescription of the whole course that plans repeat, each giving a share of it.

    Some plans carry the course's dose reference (46 + 14 Gy, each says 60): their own dose is
    below it, that of all plans together reaches it. Two plans of the whole course do not look so:
    each reaches it alone.

    Parameters
    ----------
    planned_gy : float
        Near-maximum of the sum of all plans as planned.
    """
    below = []
    for part in parts:
        if not part.prescription_gy:
            continue
        near = near_maximum(part.choice.volume.data) * part.factor_as_planned
        if near < LOWEST * part.prescription_gy:
            below.append(part.prescription_gy)
        elif near > HIGHEST * part.prescription_gy:
            return None
    same = below and max(below) - min(below) <= EQUAL * max(below)
    return below[0] if same and LOWEST <= planned_gy / below[0] <= HIGHEST else None


def _of_part(part: Part, course_gy: float | None, settings: Mapping[str, Any]) -> Verdict:
    """Return the verdict of one of several plans on its own; empty without evidence."""
    near, n, kind = near_maximum(part.choice.volume.data), part.prescribed_in, part.choice.kind
    verdicts = []
    own = part.own_gy
    if own and course_gy and part.group_gy is None and abs(own - course_gy) <= EQUAL * course_gy:
        # the course's reference, not the plan's own: it only bounds a plan's share
        own = None if near * part.factor_as_planned < LOWEST * course_gy else own
    if own:
        verdicts.append(plausibility(near, own, n, kind=kind))
    if part.beams_gy:
        verdict = _by_beams(part, near, part.beams_gy)
        if not verdicts or verdict["reads_as"] == OTHER_KIND[kind]:
            verdicts.append(verdict)
    if n:
        course = near * part.factor_as_planned
        verdicts.append(of_fractions(course, n, settings=settings, prescribed=bool(verdicts)))
    return decisive(verdicts)
