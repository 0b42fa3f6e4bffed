"""The ledger: how stored doses become the total of the course, with the evidence for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ricenet.dose.decision import Choice
from ricenet.dose.fractions import ROW_REMEDY, Fractions, require_believable
from ricenet.dose.plausibility import HIGHEST, LOWEST, near_maximum, plausibility
from ricenet.image.volume import Volume

ADVICE = (
    "compare dose_kind, fractions and prescription_gy of the subject's row with the treatment "
    "record; if all are right, accept the check in the overrides table and say why"
)


@dataclass
class Part:
    """One plan's share of the course.

    Attributes
    ----------
    choice : Choice
        Its dose.
    fractions : Fractions
        How many it is given in.
    prescription_gy : float or None
        What its plan prescribes.
    plan : str
        8 hex digits that name it.
    objects : list of str
        Digests of the objects that its dose was made of.
    """

    choice: Choice
    fractions: Fractions
    prescription_gy: float | None
    plan: str
    objects: list[str]

    @property
    def single(self) -> bool:
        """Whether the stored dose is that of one fraction."""
        return self.choice.kind == "per_fraction"

    @property
    def factor(self) -> float:
        """What the stored dose is multiplied by to give what was delivered."""
        if self.single:
            return self.fractions.count or 1
        delivered = self.fractions.delivered_share if self.choice.stored_kind == "total" else 1.0
        return int(delivered) if delivered == int(delivered) else delivered

    @property
    def prescribed_in(self) -> int | None:
        """Fractions that the plan's prescription is given in: planned, not delivered."""
        return self.fractions.planned or self.fractions.count


def make_ledger(
    parts: Sequence[Part], volume: Volume, row: Mapping[str, str], settings: Mapping[str, Any]
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
        ``min_fractions``, ``max_fractions``, ``max_total_gy``.

    Raises
    ------
    ValueError
        Number of fractions or maximum outside the limits.
    """
    for part in parts:
        require_believable(
            part.fractions,
            needed=part.single,
            lowest=settings["min_fractions"],
            highest=settings["max_fractions"],
        )
    described = [_describe(part) for part in parts]
    total = weighted_sum(volume, [float(part.factor) for part in parts])
    maximum = float(total.max())
    if maximum > settings["max_total_gy"]:
        stored = ", ".join(f"{d['maximum_gy']:.3f} Gy x {d['factor']:.4g}" for d in described)
        raise ValueError(
            f"maximum of the course {maximum:.2f} Gy (stored {stored}) is above "
            f"{settings['max_total_gy']:g} Gy; is it a total already? {ROW_REMEDY}"
        )
    found, source = _prescription(parts, row)
    checked = _course_plausibility(parts, volume, found, described)
    return _summary(described) | {
        "parts": described,
        "total_maximum_gy": maximum,
        "total_integral_gy_ml": float(total.sum(dtype=np.float64) * volume.voxel_ml),
        "prescription_gy": found,
        "source_of_prescription": source,
        "plausibility": checked,
        "row_kind_agrees": _row_kind_agrees(parts, row.get("dose_kind", ""), checked),
        "warnings": _warnings(parts, checked),
    }


def weighted_sum(volume: Volume, factors: Sequence[float]) -> np.ndarray:
    """Return the sum of parts, each multiplied by its factor; (X, Y, Z)."""
    data = volume.data if volume.data.ndim == 4 else volume.data[..., None]
    total = np.zeros(data.shape[:3], np.float32)
    for place, factor in enumerate(factors):
        total += data[..., place] * np.float32(factor)
    return total


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


def _prescription(parts: Sequence[Part], row: Mapping[str, str]) -> tuple[float | None, str | None]:
    """Return the prescription of the course and its source: the row before the plans."""
    if row.get("prescription_gy"):
        return float(row["prescription_gy"]), "row"
    known = [p.prescription_gy for p in parts if p.prescription_gy]
    return (sum(known), "plan") if known and len(known) == len(parts) else (None, None)


def _course_plausibility(
    parts: Sequence[Part],
    volume: Volume,
    prescription_gy: float | None,
    described: Sequence[dict[str, Any]],
) -> dict[str, Any]:
    """Return the plausibility of the course.

    Of several parts the sum, or the part that fits least.
    """
    if len(parts) == 1:
        (part,) = parts
        highest, n, kind = near_maximum(volume.data), part.prescribed_in, part.choice.kind
    else:
        # as prescribed, not as delivered: planned fractions, no share
        planned = [float(p.prescribed_in or 1) if p.single else 1.0 for p in parts]
        highest, n, kind = near_maximum(weighted_sum(volume, planned)), None, "total"
    found = [plausibility(highest, prescription_gy, n, kind=kind)] if prescription_gy else []
    for part, about in zip(parts, described, strict=True):
        if len(parts) > 1 and part.prescription_gy:
            own = near_maximum(part.choice.volume.data)
            about["plausibility"] = plausibility(
                own, part.prescription_gy, part.prescribed_in, kind=part.choice.kind
            )
            found.append(about["plausibility"])
    wrong = [p for p in found if p["contradiction"]]
    return (wrong or found or [{}])[0]


def _row_kind_agrees(parts: Sequence[Part], row_kind: str, found: Mapping[str, Any]) -> bool | None:
    """Return whether objects or prescription confirm the row's ``dose_kind``.

    None if nothing to say.
    """
    stored = {p.choice.stored_kind for p in parts} - {""}
    if not row_kind or not stored:
        return None
    return stored == {row_kind} or (bool(found) and not found["contradiction"])


def _warnings(parts: Sequence[Part], found: Mapping[str, Any]) -> list[str]:
    warnings = [w for p in parts for w in (*p.choice.warnings, *p.fractions.warnings)]
    if not found:
        warnings.append("no prescription known: the size of the dose was not checked against it")
    elif found["contradiction"]:
        warnings.append(found["contradiction"])
    return warnings


def checks(ledger: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the measured values with their limits: arguments of the step's ``check``."""
    found = []
    if about := ledger["plausibility"]:
        contradiction = f"{about['contradiction']}; " if about["contradiction"] else ""
        found.append(
            {
                "name": "dose-plausibility",
                "value": about["over_prescription"],
                "at_least": LOWEST,
                "at_most": HIGHEST,
                "advice": contradiction + ADVICE,
            }
        )
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
    return found
