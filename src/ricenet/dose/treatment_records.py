"""Treatment records: how many fractions of a plan were delivered.

A record is written for each session, or for each beam of one; ``C.8.8`` is a section of DICOM
PS3.3. Dates are compared and never shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ricenet.dicom.files import DicomFile, number, text
from ricenet.dose.objects import items

BEAM_SEQUENCES = {  # SOP class of a record: where it lists what was delivered (C.8.8.21, .22, .26)
    "1.2.840.10008.5.1.4.1.1.481.4": "TreatmentSessionBeamSequence",
    "1.2.840.10008.5.1.4.1.1.481.6": "TreatmentSessionApplicationSetupSequence",
    "1.2.840.10008.5.1.4.1.1.481.9": "TreatmentSessionIonBeamSequence",
}
SUMMARY = "1.2.840.10008.5.1.4.1.1.481.7"  # of a whole course; lists no sessions


@dataclass(frozen=True)
class Delivery:
    """One beam of one session that gave dose.

    Attributes
    ----------
    plan : str
        UID of the plan, empty where the record names none. Never shown.
    session : (str, str)
        TreatmentDate and CurrentFractionNumber. Never shown.
    normal : bool
        It ended as it should.
    continued : bool
        It only completes an earlier, interrupted delivery.
    """

    plan: str
    session: tuple[str, str]
    normal: bool
    continued: bool


def is_record(file: DicomFile) -> bool:
    """Return whether an object is a treatment record that counts: not a summary."""
    return file.sop_class in BEAM_SEQUENCES


def read_record(file: DicomFile) -> list[Delivery]:
    """List what a treatment record states as delivered, without beams that only take images."""
    plans = items(file.header, "ReferencedRTPlanSequence", file.label)
    plan = text(plans[0], "ReferencedSOPInstanceUID") if plans else ""
    date = text(file.header, "TreatmentDate")
    beams = items(file.header, BEAM_SEQUENCES[file.sop_class], file.label)
    return [
        Delivery(
            plan,
            (date, text(beam, "CurrentFractionNumber")),
            text(beam, "TreatmentTerminationStatus") == "NORMAL",
            text(beam, "TreatmentDeliveryType") == "CONTINUATION",
        )
        for beam in beams
        if _gave_dose(beam, file.label)
    ]


def _gave_dose(beam: Any, label: str) -> bool:
    if text(beam, "TreatmentDeliveryType") == "SETUP":
        return False
    return number(beam, "DeliveredPrimaryMeterset", label, default=1.0) > 0


def delivered(deliveries: Sequence[Delivery], plan: str) -> tuple[int | None, list[str]]:
    """Count the fractions of a plan that were delivered: distinct dates and fraction numbers.

    Returns
    -------
    int or None
        None where no record names the plan.
    list of str
        What a person should know.
    """
    own = [d for d in deliveries if plan and d.plan == plan]
    dated = [d for d in own if any(d.session)]
    notes = []
    if abnormal := sum(not d.normal for d in own):
        notes.append(f"{abnormal} of {len(own)} delivered beams did not end as NORMAL")
    if len(dated) < len(own):
        notes.append(f"{len(own) - len(dated)} delivered beams without date and fraction number")
    begun = {d.session for d in dated if not d.continued}
    if continued := {d.session for d in dated} - begun:
        notes.append(f"{len(continued)} sessions only continue an earlier one: not counted")
    return len(begun) or None, notes
