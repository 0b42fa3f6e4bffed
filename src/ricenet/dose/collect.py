"""The radiotherapy objects of a folder, found by content, of one patient."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ricenet.dicom import files as dicom_files
from ricenet.dicom.files import DicomFile, text
from ricenet.dose.frames import Link
from ricenet.dose.objects import Dose, Plan, is_dose, is_plan, read_dose, read_plan
from ricenet.dose.registration_objects import is_registration, read_links, without_contradictions
from ricenet.dose.treatment_records import SUMMARY, Delivery, is_record, read_record


@dataclass
class Found:
    """The radiotherapy objects of a raw folder.

    Attributes
    ----------
    doses : list of Dose
        None twice.
    plans : mapping
        UID to plan. Never shown.
    deliveries : list of Delivery
        From the treatment records.
    links : list of mapping
        Registrations between frames of reference.
    ignored : int
        Number of other files.
    warnings : list of str
        What a person should know.
    """

    doses: list[Dose]
    plans: Mapping[str, Plan]
    deliveries: list[Delivery] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    ignored: int = 0
    warnings: list[str] = field(default_factory=list)


def collect(path: Path, row: Mapping[str, str]) -> Found:
    """Read the headers of all radiotherapy objects below a folder, or of one RTDOSE file.

    Raises
    ------
    ValueError
        No RTDOSE, objects of several patients, or one that cannot be read.
    """
    found, ignored = dicom_files.find(path)
    doses, plans = ([f for f in found if test(f)] for test in (is_dose, is_plan))
    records, registrations = (
        [f for f in found if test(f)] for test in (is_record, is_registration)
    )
    if not doses:
        raise ValueError(f"no RTDOSE among {len(found)} DICOM objects; check the path")
    read = without_copies([read_dose(f, row) for f in doses])
    files = [*doses, *plans, *records, *registrations]
    by_uid = {plan.uid: plan for plan in map(read_plan, plans)}
    named = {uid for dose in read for uid in dose.plans}
    warnings = _check_patient([f for f in plans if _uid(f) in named], files)
    if any(f.sop_class == SUMMARY for f in found):
        warnings.append("treatment summary records do not count: they list no sessions")
    links = [link for f in registrations for link in read_links(f)]
    return Found(
        read,
        by_uid,
        [d for f in {_uid(f): f for f in records}.values() for d in read_record(f)],
        without_contradictions(links),
        ignored + len(found) - len(files),
        warnings,
    )


def _uid(file: DicomFile) -> str:
    return text(file.header, "SOPInstanceUID")


def without_copies(doses: Sequence[Dose]) -> list[Dose]:
    """Drop copies of the same object; differing objects under one UID are refused."""
    kept: dict[str, Dose] = {}
    for dose in doses:
        first = kept.setdefault(_uid(dose.file), dose)
        if first.digest != dose.digest:
            raise ValueError(
                f"{first.file.label} and {dose.file.label} carry the same SOP Instance UID but "
                f"differ; find out which one is right"
            )
    return list(kept.values())


def _check_patient(own_plans: Sequence[DicomFile], files: Sequence[DicomFile]) -> list[str]:
    """Refuse several patients; a plan that the dose names by UID may carry another PatientID.

    A UID is unique in the world, and exports that pseudonymise dose and plan one by one do give
    them different ids; study, birth date and sex must agree nevertheless.
    """
    rest = [f for f in files if all(f is not plan for plan in own_plans)]
    dicom_files.require_one_patient(rest, one_study=False)
    differ = dicom_files.differing_identity(files)
    if differ == ["PatientID"] and len(dicom_files.distinct(files, "StudyInstanceUID")) == 1:
        return ["PatientID differs between dose and plan; UID, study, birth date and sex agree"]
    dicom_files.require_one_patient(files, one_study=False)
    return []
