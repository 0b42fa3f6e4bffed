"""RTDOSE and RTPLAN objects: what a dose covers, and what the plan says of fractions.

``C.8.8`` is a section of DICOM PS3.3.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ricenet import provenance
from ricenet.dicom.files import DicomFile, number, numbers, text
from ricenet.dose.grid import dose_affine, dose_gy
from ricenet.volume import Volume

RT_DOSE = "1.2.840.10008.5.1.4.1.1.481.2"
RT_PLANS = ("1.2.840.10008.5.1.4.1.1.481.5", "1.2.840.10008.5.1.4.1.1.481.8")  # photons, ions
SUMMATIONS = (  # C.8.8.3.1
    "PLAN", "MULTI_PLAN", "PLAN_OVERVIEW", "FRACTION", "BEAM", "BRACHY", "FRACTION_SESSION",
    "BEAM_SESSION", "BRACHY_SESSION", "CONTROL_POINT", "RECORD",
)  # fmt: skip


@dataclass(frozen=True)
class Dose:
    """One RTDOSE object, whose pixels are read when they are first asked for.

    Attributes
    ----------
    file : DicomFile
        Where it is stored.
    summation : str
        DoseSummationType.
    effective : bool
        Weighted by biological effect (DoseType EFFECTIVE), not physical.
    plan : str
        UID of the plan it was computed from, empty where it names none. Never shown.
    groups : frozenset of int
        Fraction groups that it covers, as far as it names them.
    beams : frozenset of (int, int)
        Fraction group and number of the beams that it covers, as far as it names them.
    """

    file: DicomFile
    summation: str
    effective: bool
    plan: str
    groups: frozenset[int]
    beams: frozenset[tuple[int, int]]

    @cached_property
    def volume(self) -> Volume:
        """Dose in Gy as stored, and where it lies."""
        affine = dose_affine(self.file)  # first: cheap, and says better what is wrong
        return Volume(dose_gy(self.file), affine)

    @cached_property
    def digest(self) -> str:
        """Stand-in for the object in the ledger: 16 hex digits of its bytes' sha256."""
        return provenance.bytes_digest(self.file.path)[:16]


@dataclass(frozen=True)
class Plan:
    """What an RTPLAN says of fractions, beams and prescription.

    Attributes
    ----------
    fractions : mapping
        Fraction group to NumberOfFractionsPlanned; None where that is missing or 0.
    beams : frozenset of (int, int)
        Fraction group and number of each beam that delivers dose.
    prescription_gy : float or None
        Highest target prescription.
    """

    fractions: Mapping[int, int | None]
    beams: frozenset[tuple[int, int]]
    prescription_gy: float | None


def is_dose(file: DicomFile) -> bool:
    """Whether an object is an RTDOSE."""
    return file.sop_class == RT_DOSE


def is_plan(file: DicomFile) -> bool:
    """Whether an object is an RTPLAN or an RT ion plan."""
    return file.sop_class in RT_PLANS


def _items(parent: Any, keyword: str, label: str) -> Sequence[Any]:
    try:
        return parent.get(keyword) or ()
    except Exception:
        raise ValueError(f"{label}: {keyword} is not readable; export it again") from None


def _whole(parent: Any, keyword: str, label: str) -> int:
    return int(numbers(parent, keyword, label, count=1)[0])


def read_dose(file: DicomFile) -> Dose:
    """Header of an RTDOSE, refused where its numbers would not be Gy (C.8.8.3).

    Raises
    ------
    ValueError
        Units other than GY, a difference map, an unknown summation, or several plans.
    """
    units, kind = text(file.header, "DoseUnits"), text(file.header, "DoseType")
    if units != "GY":
        shown = "RELATIVE" if units == "RELATIVE" else "missing or unknown"
        raise ValueError(f"{file.label}: DoseUnits are {shown}, not GY; export the absolute dose")
    if kind not in ("PHYSICAL", "EFFECTIVE"):
        shown = "ERROR, a difference map" if kind == "ERROR" else "missing or unknown"
        raise ValueError(f"{file.label}: DoseType is {shown}; export the dose of the plan")
    summation = text(file.header, "DoseSummationType")
    if summation not in SUMMATIONS:
        raise ValueError(f"{file.label}: DoseSummationType is missing or unknown; export it again")
    plans = _items(file.header, "ReferencedRTPlanSequence", file.label)
    if len(plans) > 1:
        raise ValueError(f"{file.label}: a dose of {len(plans)} plans; give each plan's own dose")
    plan = text(plans[0], "ReferencedSOPInstanceUID") if plans else ""
    groups, beams = _covered(plans[0], file.label) if plans else (frozenset(), frozenset())
    return Dose(file, summation, kind == "EFFECTIVE", plan, groups, beams)


def _covered(plan: Any, label: str) -> tuple[frozenset[int], frozenset[tuple[int, int]]]:
    groups, beams = set(), set()
    for group in _items(plan, "ReferencedFractionGroupSequence", label):
        key = _whole(group, "ReferencedFractionGroupNumber", label)
        groups.add(key)
        for beam in _items(group, "ReferencedBeamSequence", label):
            beams.add((key, _whole(beam, "ReferencedBeamNumber", label)))
    return frozenset(groups), frozenset(beams)


def read_plan(file: DicomFile) -> Plan:
    """Fractions, beams and prescription of an RTPLAN (C.8.8.10, C.8.8.13)."""
    label, header = file.label, file.header
    fractions: dict[int, int | None] = {}
    beams = set()
    setup = _setup_beams(header, label)
    for group in _items(header, "FractionGroupSequence", label):
        key = _whole(group, "FractionGroupNumber", label)
        planned = int(number(group, "NumberOfFractionsPlanned", label, default=0))
        fractions[key] = planned or None
        for beam in _items(group, "ReferencedBeamSequence", label):
            beams.add((key, _whole(beam, "ReferencedBeamNumber", label)))
    targets = [
        number(item, "TargetPrescriptionDose", label, default=0.0)
        for item in _items(header, "DoseReferenceSequence", label)
        if text(item, "DoseReferenceType") == "TARGET"
    ]
    return Plan(
        fractions,
        frozenset(b for b in beams if b[1] not in setup),
        max(targets, default=0.0) or None,
    )


def _setup_beams(header: Any, label: str) -> set[int]:
    """Numbers of the beams that only take images for positioning and deliver no dose."""
    beams = (*_items(header, "BeamSequence", label), *_items(header, "IonBeamSequence", label))
    setup = [b for b in beams if text(b, "TreatmentDeliveryType") == "SETUP"]
    return {_whole(beam, "BeamNumber", label) for beam in setup}
