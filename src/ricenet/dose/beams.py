"""Beams of a plan: which deliver dose, and whether all that the plan announces is there.

``C.8.8`` is a section of DICOM PS3.3.
"""

from __future__ import annotations

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


def refuse_cut(header: Any, label: str) -> None:
    """Raise ``ValueError`` where a plan holds less than it announces: the file was cut short.

    Readers end a sequence at the end of the file without a word. What an anonymiser has taken out
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
