"""The ledger: how stored doses become the total of the course, with the evidence for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ricenet.dose.course import Part, require_told_apart, weighted_sum
from ricenet.dose.course_size import Size, size_of
from ricenet.dose.fractions import BY_PLAN, ROW_REMEDY, require_believable
from ricenet.dose.plausibility import HIGHEST, LOWEST
from ricenet.dose.units import require_centigray, too_large
from ricenet.image.volume import Volume

ADVICE = (
    "compare dose_kind, fractions and prescription_gy of the subject's row with the treatment "
    "record; if all are right, accept the check in the overrides table and say why"
)
DELIVERED = (
    "compare with the treatment record, and accept the check in the overrides table if the row is "
    "right; a prescription_gy that fits what was delivered confirms it too"
)
APART = (
    "whether the planning images lie together is not known: careless de-identification gives a "
    "second planning CT the frame of reference of the first; compare the doses in the planning "
    "system, then accept"
)
SHOWN = 3  # doubts in a message; the ledger has all
STATE_IT = "write prescription_gy of the whole course in the subject's row"
AFTER = "after comparing with the treatment record; or accept the check in the overrides table"


def make_ledger(
    parts: Sequence[Part],
    volume: Volume,
    row: Mapping[str, str],
    settings: Mapping[str, Any],
    recorded_elsewhere: Sequence[str] = (),
) -> dict[str, Any]:
    """Return how the stored doses become the course total, with the evidence for it.

    Parameters
    ----------
    parts : sequence of Part
        The plans that count.
    volume : Volume
        (X, Y, Z), or (X, Y, Z, P) of several parts on one grid; Gy as stored.
    row : mapping
        The subject's row.
    settings : mapping
        The section ``ingest_dose``.
    recorded_elsewhere : sequence of str
        What treatment records say was delivered of plans that do not count.

    Raises
    ------
    ValueError
        Number of fractions or maximum outside the limits; plans that look like one course twice.
    """
    for part in parts:
        require_believable(
            part.fractions,
            needed=part.single,
            lowest=settings["min_fractions"],
            highest=settings["max_fractions"],
        )
    require_told_apart(parts, volume)
    described = [_describe(part) for part in parts]
    total = weighted_sum(volume, [float(part.factor) for part in parts])
    maximum = float(total.max())
    if maximum > settings["max_total_gy"]:
        stored = ", ".join(f"{d['maximum_gy']:.3f} Gy x {d['factor']:.4g}" for d in described)
        remedy = BY_PLAN if len(parts) > 1 else f"is it a total already? {ROW_REMEDY}"
        raise ValueError(too_large(maximum, stored, row, settings, remedy))
    if row.get("dose_units") == "cGy" and parts[0].choice.stored_kind:
        require_centigray(maximum, settings["max_total_gy"])
    size = size_of(parts, volume, row, settings)
    for about, verdict in zip(described, size.of_parts, strict=False):
        about["plausibility"] = verdict
    doubts = [*delivery_doubts(parts, size), *recorded_elsewhere]
    return _summary(described) | {
        "parts": described,
        "total_maximum_gy": maximum,
        "total_integral_gy_ml": float(total.sum(dtype=np.float64) * volume.voxel_ml),
        "prescription_gy": size.prescription_gy,
        "source_of_prescription": size.source,
        "plausibility": size.verdict,
        "evidence": size.verdicts,
        "plausibility_not_made": size.not_made,
        "delivery_doubts": doubts,
        "delivery_differs": bool(doubts) or any(part.fractions.by_row_alone for part in parts),
        "row_kind": row.get("dose_kind", ""),
        "row_kind_agrees": _row_kind_agrees(parts, row.get("dose_kind", ""), size),
        "warnings": _warnings(parts, size),
    }


def delivery_doubts(parts: Sequence[Part], size: Size) -> list[str]:
    """Return what the row alone says of delivered fractions, against plan or records.

    A prescription of the row that fits the delivered dose, and not the planned one, confirms it.
    """
    if size.confirms_delivered:
        return []
    return [
        f"plan {part.plan}: {warning}"
        for part in parts
        if part.fractions.by_row_alone
        for warning in part.fractions.warnings
    ]


def _describe(part: Part) -> dict[str, Any]:
    volume, n = part.choice.volume, part.fractions
    maximum = float(volume.data.max())
    partial = not part.single and part.factor != 1
    rule = part.choice.rule
    rule += f" x {n.count}" if part.single else f" x {n.count} / {n.planned}" if partial else ""
    return {
        "plan": part.plan,
        "decisions": [*part.choice.decisions, *(["delivered-over-planned"] if partial else [])],
        "rule": rule,
        "kind": part.choice.kind,
        "factor": part.factor,
        "fractions": n.count,
        "source_of_fractions": n.source,
        "fractions_planned": n.planned,
        "fractions_recorded": n.recorded,
        "maximum_gy": maximum,
        "total_maximum_gy": maximum * part.factor,
        "prescription_gy": part.prescription_gy,
        "plan_minus_beams_gy": part.choice.plan_minus_beams_gy,
        "grid": {"shape": list(volume.data.shape), "affine": volume.affine.tolist()},
        "objects": part.objects,
    }


def _summary(described: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Describe the course as a whole: its only part, or that parts are added."""
    if len(described) == 1:
        return {k: v for k, v in described[0].items() if k != "grid"}
    kinds = {d["kind"] for d in described}
    return {
        "decisions": ["parts-added"],
        "rule": " + ".join(d["rule"] for d in described),
        "kind": kinds.pop() if len(kinds) == 1 else "mixed",
        "factor": None,
        "fractions": None,
        "source_of_fractions": None,
        "maximum_gy": max(d["maximum_gy"] for d in described),
        "plan_minus_beams_gy": None,
        "objects": [digest for d in described for digest in d["objects"]],
    }


def _row_kind_agrees(parts: Sequence[Part], row_kind: str, size: Size) -> bool | None:
    """Return whether objects, prescription or beams confirm the row's ``dose_kind``.

    None if the row or the objects do not state a kind.
    """
    stored = {p.choice.stored_kind for p in parts} - {""}
    if not row_kind or not stored:
        return None
    told_apart = any("reads_as" in verdict for verdict in size.verdicts)
    confirmed = told_apart and bool(size.verdict) and not size.verdict["contradiction"]
    return stored == {row_kind} or confirmed


def _warnings(parts: Sequence[Part], size: Size) -> list[str]:
    warnings = [w for p in parts for w in (*p.choice.warnings, *p.fractions.warnings)]
    warnings += size.warnings
    if size.not_made:
        warnings.append(f"the size of the dose was not checked: {size.not_made}")
    if (found := size.verdict) and found["contradiction"]:
        warnings.append(found["contradiction"])
    return warnings


def checks(ledger: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the verdicts on a ledger: arguments of the step's ``check`` or ``not_checked``.

    The latter have a ``reason``.
    """
    found = [_check_of_size(ledger), *_check_of_delivery(ledger)]
    if ledger["row_kind_agrees"] is not None:
        found.append(
            {
                "name": "dose-kind",
                "value": float(ledger["row_kind_agrees"]),
                "at_least": 1.0,
                "advice": "the row's dose_kind contradicts the objects (DoseSummationType), and "
                "no prescription confirms it; " + ADVICE,
            }
        )
    elif ledger.get("row_kind"):
        reason = "a converted dose does not say itself whether it is a total; the row alone does"
        found.append({"name": "dose-kind", "reason": reason})
    if apart := ledger.get("added_by_name"):
        found.append({"name": "doses-together", "reason": apart, "holds": True, "advice": APART})
    return found


def _check_of_size(ledger: Mapping[str, Any]) -> dict[str, Any]:
    name, about = "dose-plausibility", ledger["plausibility"]
    if not about:
        reason = ledger.get("plausibility_not_made") or "no prescription was known to this version"
        remedy = STATE_IT if len(ledger["parts"]) > 1 else f"{STATE_IT}, or fractions"
        return {"name": name, "reason": reason, "holds": True, "advice": f"{remedy}, {AFTER}"}
    contradiction = f"{about['contradiction']}; " if about["contradiction"] else ""
    return {
        "name": name,
        # ledgers of before have a share of the prescription only
        "value": about.get("value", about.get("over_prescription")),
        "unit": about.get("unit", ""),
        "at_least": about.get("at_least", LOWEST),
        "at_most": about.get("at_most", None if "value" in about else HIGHEST),
        "advice": contradiction + ADVICE,
    }


def _check_of_delivery(ledger: Mapping[str, Any]) -> list[dict[str, Any]]:
    if not ledger.get("delivery_differs"):
        return []
    doubts = ledger["delivery_doubts"]
    shown = [*doubts[:SHOWN], *([f"{len(doubts) - SHOWN} more"] if len(doubts) > SHOWN else [])]
    return [
        {
            "name": "dose-delivered",
            "value": len(doubts),
            "at_most": 0,
            "unit": "doubts",
            "advice": "; ".join([*shown, DELIVERED]),
        }
    ]
