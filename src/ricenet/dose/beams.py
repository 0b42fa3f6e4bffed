"""Beams of a plan: which deliver dose and how much, and whether all that it announces is there.

``C.8.8`` is a section of DICOM PS3.3.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ricenet.dicom.files import number, text
from ricenet.dose.items import items, whole

CONTROL_POINTS = ("ControlPointSequence", "IonControlPointSequence")


def beams_of(header: Any, label: str) -> list[Any]:
    """Return the beams of a photon or an ion plan (C.8.8.14, C.8.8.25)."""
    return [
        *items(header, "BeamSequence", label),
        *items(header, "IonBeamSequence", label),
    ]


def setup_beams(header: Any, label: str) -> set[int]:
    """Return numbers of the beams that only take images for positioning and deliver no dose."""
    setup = [b for b in beams_of(header, label) if text(b, "TreatmentDeliveryType") == "SETUP"]
    return {whole(beam, "BeamNumber", label) for beam in setup}


def beam_dose_gy(group: Any, setup: set[int], label: str) -> float | None:
    """Return the dose of one fraction at the beams' specification points, Gy (C.8.8.13).

    The sum of BeamDose over the beams of a fraction group that deliver dose. A point need not lie
    where the prescription counts: evidence of the size of the dose, no measure of it.

    Returns
    -------
    float or None
        None where a beam does not say, or none has dose.
    """
    named = items(group, "ReferencedBeamSequence", label)
    own = [b for b in named if whole(b, "ReferencedBeamNumber", label) not in setup]
    try:
        doses = [number(b, "BeamDose", label, default=0.0) for b in own]
    except ValueError:  # no dose depends on it
        return None
    return sum(doses) if doses and min(doses) > 0 else None


def beams_gy(
    by_group: Mapping[int, float | None], planned: Mapping[int, int | None], count: int | None
) -> float | None:
    """Return the dose of all fractions at the beams' specification points, Gy.

    Parameters
    ----------
    by_group : mapping
        Fraction group to the dose of one fraction, from :func:`beam_dose_gy`.
    planned : mapping
        Fraction group to NumberOfFractionsPlanned.
    count : int or None
        Fractions of the only group where the plan does not say them.

    Returns
    -------
    float or None
        None where a group's dose or number of fractions is unknown.
    """
    numbers = {g: n or (count if len(planned) == 1 else None) for g, n in planned.items()}
    doses = [gy * n for g, gy in by_group.items() if gy and (n := numbers.get(g))]
    return sum(doses) if doses and len(doses) == len(by_group) else None


def highest_target_gy(references: Sequence[Any], label: str, *, of_group: bool) -> float | None:
    """Return the highest TargetPrescriptionDose of dose references, Gy (C.8.8.10, C.8.8.13).

    ``of_group``: those of a fraction group, which repeat no DoseReferenceType.
    """
    doses = [
        number(item, "TargetPrescriptionDose", label, default=0.0)
        for item in references
        if of_group or text(item, "DoseReferenceType") == "TARGET"
    ]
    return max(doses, default=0.0) or None


def refuse_cut(header: Any, label: str) -> None:
    """Raise ``ValueError`` where a plan holds less than it announces: the file was cut short.

    Readers end a sequence silently at the end of the file. What an anonymiser has taken out
    whole is not missed.
    """
    beams = beams_of(header, label)
    known = {whole(beam, "BeamNumber", label) for beam in beams}
    cut: list[tuple[float, float]] = []
    for beam in beams:
        points = [p for keyword in CONTROL_POINTS for p in items(beam, keyword, label)]
        cut.append((len(points), number(beam, "NumberOfControlPoints", label, default=len(points))))
    for group in items(header, "FractionGroupSequence", label):
        named = items(group, "ReferencedBeamSequence", label)
        cut.append((len(named), number(group, "NumberOfBeams", label, default=len(named))))
        numbers = {whole(beam, "ReferencedBeamNumber", label) for beam in named}
        missing = bool(known) and not numbers <= known
        cut.append((1, 1 + missing))
    if any(0 < found < announced for found, announced in cut):
        raise ValueError(
            f"{label}: a plan that holds less than it announces (beams or control points are "
            f"missing); it was cut short: copy or export it again"
        )
