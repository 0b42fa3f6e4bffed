"""RTDOSE and RTPLAN objects: what a dose covers, and the plan's fractions.

``C.8.8`` is a section of DICOM PS3.3.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from ricenet.dicom.files import DicomFile, number, text, uid_digest
from ricenet.dose.beams import beam_dose_gy, highest_target_gy, refuse_cut, setup_beams
from ricenet.dose.grid import dose_volume
from ricenet.dose.items import items, whole
from ricenet.dose.units import gy_per_unit
from ricenet.image.volume import Volume
from ricenet.provenance import digests

RT_DOSE = "1.2.840.10008.5.1.4.1.1.481.2"
RT_PLANS = ("1.2.840.10008.5.1.4.1.1.481.5", "1.2.840.10008.5.1.4.1.1.481.8")  # photons, ions
SUMMATIONS = (  # C.8.8.3.1
    "PLAN", "MULTI_PLAN", "PLAN_OVERVIEW", "FRACTION", "BEAM", "BRACHY", "FRACTION_SESSION",
    "BEAM_SESSION", "BRACHY_SESSION", "CONTROL_POINT", "RECORD",
)  # fmt: skip


@dataclass(frozen=True)
class Dose:
    """One RTDOSE object, whose pixels are read on first access.

    Attributes
    ----------
    file : DicomFile
        Where it is stored.
    summation : str
        DoseSummationType.
    effective : bool
        Weighted by biological effect (DoseType EFFECTIVE), not physical.
    plans : frozenset of str
        UIDs of the plans it was computed from: one, several for MULTI_PLAN, none where it names
        none. Never shown.
    groups : frozenset of int
        Fraction groups that it covers, as far as it names them.
    beams : frozenset of (int, int)
        Fraction group and number of the beams that it covers, as far as it names them.
    gy_per_unit : float
        Gy that the stored value 1.0 stands for: 1 where DoseUnits are GY.
    """

    file: DicomFile
    summation: str
    effective: bool
    plans: frozenset[str]
    groups: frozenset[int]
    beams: frozenset[tuple[int, int]]
    gy_per_unit: float = 1.0

    @property
    def plan(self) -> str:
        """UID of its only plan, empty where it has none or several. Never shown."""
        return next(iter(self.plans)) if len(self.plans) == 1 else ""

    @property
    def frame(self) -> str | None:
        """Digest of its frame of reference."""
        return uid_digest(text(self.file.header, "FrameOfReferenceUID"))

    @property
    def study(self) -> str | None:
        """Digest of the study that it belongs to."""
        return uid_digest(text(self.file.header, "StudyInstanceUID"))

    @cached_property
    def _read(self) -> tuple[Volume, list[str]]:
        volume, notes = dose_volume(self.file)
        if self.gy_per_unit == 1:
            return volume, notes
        return Volume(volume.data * np.float32(self.gy_per_unit), volume.affine), notes

    @property
    def volume(self) -> Volume:
        """Dose in Gy on an even grid, and where it lies."""
        return self._read[0]

    @property
    def notes(self) -> list[str]:
        """What was done to its grid."""
        return self._read[1]

    @cached_property
    def digest(self) -> str:
        """Stand-in for the object in the ledger: 16 hex digits of its bytes' sha256."""
        return digests.bytes_digest(self.file.path)[:16]


@dataclass(frozen=True)
class Plan:
    """Fractions, beams and prescription of an RTPLAN.

    Attributes
    ----------
    fractions : mapping
        Fraction group to NumberOfFractionsPlanned; None where that is missing or 0.
    beams : frozenset of (int, int)
        Fraction group and number of each beam that delivers dose.
    prescription_gy : float or None
        Highest target prescription: of this plan, or of a course that it is a part of.
    uid : str
        Never shown.
    digest : str
        16 hex digits of the file's sha256.
    approval : str
        APPROVED, UNAPPROVED, REJECTED, or ``unknown``.
    predecessors : frozenset of str
        UIDs of the plans that this one replaces. Never shown.
    group_prescription_gy : float or None
        Prescription of its own fraction groups, summed.
    beam_dose_gy : mapping
        Fraction group to the dose of one fraction at its beams' specification points, or None.
    structure_set : str
        UID of the structure set it was planned on, or empty. Never shown.
    """

    fractions: Mapping[int, int | None]
    beams: frozenset[tuple[int, int]]
    prescription_gy: float | None
    uid: str
    digest: str
    approval: str
    predecessors: frozenset[str]
    group_prescription_gy: float | None = None
    beam_dose_gy: Mapping[int, float | None] = field(default_factory=dict)
    structure_set: str = ""

    @property
    def planned(self) -> int | None:
        """Planned fractions; None where there are several groups: they may run side by side."""
        groups = list(self.fractions.values())
        return groups[0] if len(groups) == 1 else None


def is_dose(file: DicomFile) -> bool:
    """Return whether an object is an RTDOSE."""
    return file.sop_class == RT_DOSE


def is_plan(file: DicomFile) -> bool:
    """Return whether an object is an RTPLAN or an RT ion plan."""
    return file.sop_class in RT_PLANS


def read_dose(file: DicomFile, row: Mapping[str, str]) -> Dose:
    """Return the header of an RTDOSE, refused where its numbers would not be Gy (C.8.8.3).

    Parameters
    ----------
    file : DicomFile
        An RTDOSE.
    row : mapping
        ``dose_units``, ``relative_one_gy`` and ``prescription_gy`` of the subject: a dose in
        RELATIVE units needs all three.

    Raises
    ------
    ValueError
        Units other than GY, a difference map, an unknown summation, or several plans.
    """
    one_gy = gy_per_unit(file, row)
    kind = text(file.header, "DoseType")
    if kind not in ("PHYSICAL", "EFFECTIVE"):
        shown = "ERROR, a difference map" if kind == "ERROR" else "missing or unknown"
        raise ValueError(f"{file.label}: DoseType is {shown}; export the dose of the plan")
    summation = text(file.header, "DoseSummationType")
    if summation not in SUMMATIONS:
        raise ValueError(f"{file.label}: DoseSummationType is missing or unknown; export it again")
    plans = items(file.header, "ReferencedRTPlanSequence", file.label)
    if len(plans) > 1 and summation != "MULTI_PLAN":
        raise ValueError(f"{file.label}: a dose of {len(plans)} plans; give each plan's own dose")
    uids = frozenset(text(plan, "ReferencedSOPInstanceUID") for plan in plans) - {""}
    groups, beams = _covered(plans[0], file.label) if plans else (frozenset(), frozenset())
    return Dose(file, summation, kind == "EFFECTIVE", uids, groups, beams, one_gy)


def _covered(plan: Any, label: str) -> tuple[frozenset[int], frozenset[tuple[int, int]]]:
    groups, beams = set(), set()
    for group in items(plan, "ReferencedFractionGroupSequence", label):
        key = whole(group, "ReferencedFractionGroupNumber", label)
        groups.add(key)
        for beam in items(group, "ReferencedBeamSequence", label):
            beams.add((key, whole(beam, "ReferencedBeamNumber", label)))
    return frozenset(groups), frozenset(beams)


def read_plan(file: DicomFile) -> Plan:
    """Return the fractions, beams and prescription of an RTPLAN (C.8.8.10, C.8.8.13).

    Raises
    ------
    ValueError
        Not readable, or cut short.
    """
    label, header = file.label, file.header
    fractions, beam_doses = dict[int, int | None](), dict[int, float | None]()
    beams, targets = set(), []
    setup = setup_beams(header, label)
    refuse_cut(header, label)
    for group in items(header, "FractionGroupSequence", label):
        key = whole(group, "FractionGroupNumber", label)
        planned = int(number(group, "NumberOfFractionsPlanned", label, default=0))
        fractions[key] = planned or None
        for beam in items(group, "ReferencedBeamSequence", label):
            beams.add((key, whole(beam, "ReferencedBeamNumber", label)))
        beam_doses[key] = beam_dose_gy(group, setup, label)
        references = items(group, "ReferencedDoseReferenceSequence", label)
        targets.append(highest_target_gy(references, label, of_group=True))
    own = [gy for gy in targets if gy]
    references = items(header, "DoseReferenceSequence", label)
    return Plan(
        fractions,
        frozenset(b for b in beams if b[1] not in setup),
        highest_target_gy(references, label, of_group=False),
        text(header, "SOPInstanceUID"),
        digests.bytes_digest(file.path)[:16],
        _approval(header),
        _predecessors(header, label),
        sum(own) if own and len(own) == len(targets) else None,
        beam_doses,
        _structure_set(header, label),
    )


def _structure_set(header: Any, label: str) -> str:
    found = items(header, "ReferencedStructureSetSequence", label)
    return text(found[0], "ReferencedSOPInstanceUID") if found else ""


def _approval(header: Any) -> str:
    status = text(header, "ApprovalStatus")
    return status if status in ("APPROVED", "UNAPPROVED", "REJECTED") else "unknown"


def _predecessors(header: Any, label: str) -> frozenset[str]:
    """Return the UIDs of the plans that a plan replaces (C.8.8.9.1)."""
    others = items(header, "ReferencedRTPlanSequence", label)
    earlier = [x for x in others if text(x, "RTPlanRelationship") == "PREDECESSOR"]
    return frozenset(text(x, "ReferencedSOPInstanceUID") for x in earlier) - {""}
