"""From RTDOSE and RTPLAN, or a converted file, to Gy, with the ledger of what the dose is.

The dose is written as stored, ``(X, Y, Z)`` float32 in Gy with an affine to RAS+ mm: of one
fraction or of the course. ``total_dose`` multiplies it by the ledger's factor, after alignment.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ricenet import converted_image, provenance, step
from ricenet.dicom import files as dicom_files
from ricenet.dicom.files import DicomFile, text
from ricenet.dose.decision import Choice, choose
from ricenet.dose.ledger import make_ledger
from ricenet.dose.objects import Dose, Plan, is_dose, is_plan, read_dose, read_plan
from ricenet.volume import Volume

GY_PER_UNIT = {"Gy": 1.0, "cGy": 0.01}
NIFTI_COLUMNS = ("dose_kind", "dose_units", "dose_frame")


def read(
    path: Path, row: Mapping[str, str], settings: Mapping[str, Any]
) -> tuple[Volume, dict[str, Any]]:
    """Read a dose from wherever it is stored.

    Parameters
    ----------
    path : Path
        Folder with RTDOSE and RTPLAN, one RTDOSE file, or a NIfTI, MetaImage or NRRD file.
    row : mapping
        ``fractions``, ``dose_kind``, ``dose_units``, ``dose_frame`` of the subject, where given.
    settings : mapping
        ``min_fractions``, ``max_fractions``, ``max_total_gy``.

    Returns
    -------
    Volume
        Gy, as stored.
    dict
        Facts for the record: frame, ledger, ignored_files.

    Raises
    ------
    ValueError
        Anything that would have to be guessed.
    """
    if converted_image.is_converted(path):
        choice, plan = _converted(path, row), None
        facts: dict[str, Any] = {"frame": None, "ignored_files": 0}
        digests = [provenance.bytes_digest(path)[:16]]
    else:
        choice, plan, facts = _dicom(path, row)
        digests = [dose.digest for dose in choice.used]
    if frame := row.get("dose_frame"):
        if facts["frame"]:
            choice.warnings.append(f"the row places the dose on {frame}, not its own frame")
        facts["frame"] = f"image:{frame}"
    ledger = make_ledger(choice, plan, row, settings) | {"objects": digests}
    return choice.volume, facts | {"ledger": ledger}


def _converted(path: Path, row: Mapping[str, str]) -> Choice:
    """Dose of a converted file: all that the format cannot say must stand in the row."""
    missing = [column for column in NIFTI_COLUMNS if not row.get(column)]
    if missing:
        raise ValueError(
            f"a dose that is not DICOM needs {', '.join(missing)} in the subject's row; nothing is "
            f"guessed"
        )
    volume = converted_image.load(path)
    if volume.data.min() < 0 or not volume.data.any():
        raise ValueError(
            f"dose from {volume.data.min():.4g} to {volume.data.max():.4g}: negative, or zero "
            f"everywhere; export it again"
        )
    gy = volume.data * volume.data.dtype.type(GY_PER_UNIT[row["dose_units"]])
    return Choice(Volume(gy, volume.affine), row["dose_kind"], f"row: {row['dose_kind']}")


def _dicom(path: Path, row: Mapping[str, str]) -> tuple[Choice, Plan | None, dict[str, Any]]:
    found, ignored = dicom_files.find(path)
    files = [f for f in found if is_dose(f) or is_plan(f)]
    if not any(is_dose(f) for f in files):
        raise ValueError(f"no RTDOSE among {len(found)} DICOM objects; check the path")
    if row.get("dose_units") == "cGy":
        raise ValueError("the row says cGy, but RTDOSE is in Gy; leave dose_units empty")
    doses = without_copies([read_dose(f) for f in files if is_dose(f)])
    own, warnings = plan_file(doses, files)
    plan = read_plan(own) if own else None
    choice = choose(doses, plan, row_kind=row.get("dose_kind", ""))
    choice.warnings = [*warnings, *_notes(choice, found), *choice.warnings]
    facts = {
        "frame": _frame(choice.used),
        "ignored_files": ignored + len(found) - len(files),
    }
    return choice, plan, facts


def without_copies(doses: Sequence[Dose]) -> list[Dose]:
    """Drop copies of the same object; differing objects under one UID are refused."""
    kept: dict[str, Dose] = {}
    for dose in doses:
        first = kept.setdefault(text(dose.file.header, "SOPInstanceUID"), dose)
        if first.digest != dose.digest:
            raise ValueError(
                f"{first.file.label} and {dose.file.label} carry the same SOP Instance UID but "
                f"differ; find out which one is right"
            )
    return list(kept.values())


def plan_file(
    doses: Sequence[Dose], files: Sequence[DicomFile]
) -> tuple[DicomFile | None, list[str]]:
    """Find the plan that the doses name among the RTDOSE and RTPLAN files, with warnings.

    Raises
    ------
    ValueError
        Several plans, several patients, or a plan that was rejected.
    """
    counts = Counter(dose.plan for dose in doses)
    if len(counts) > 1:
        raise ValueError(
            f"the doses belong to {len(counts)} plans ({' + '.join(map(str, counts.values()))} "
            f"objects); this version reads one: leave the plan that was delivered"
        )
    plans = [f for f in files if is_plan(f)]
    uid = doses[0].plan
    own = next((f for f in plans if uid and text(f.header, "SOPInstanceUID") == uid), None)
    warnings = _check_patient(own, files)
    foreign = len(plans) - (own is not None)
    if foreign:
        warnings.append(f"{foreign} plans ignored: the dose does not name them")
    if own is None:
        return None, [*warnings, "the plan of the dose is not there"]
    approval = text(own.header, "ApprovalStatus")
    if approval == "REJECTED":
        raise ValueError("the plan of the dose was rejected; give the plan that was delivered")
    if approval != "APPROVED":
        warnings.append("the plan is not marked as approved")
    return own, warnings


def _check_patient(own: DicomFile | None, files: Sequence[DicomFile]) -> list[str]:
    """Refuse several patients; a plan that the dose names by UID may carry another PatientID.

    A UID is unique in the world, and exports that pseudonymise dose and plan one by one do give
    them different ids; study, birth date and sex must agree all the same.
    """
    rest = [f for f in files if f is not own]
    dicom_files.require_one_patient(rest, one_study=False)
    differ = dicom_files.differing_identity(files)
    if differ == ["PatientID"] and len(dicom_files.distinct(files, "StudyInstanceUID")) == 1:
        return ["PatientID differs between dose and plan; UID, study, birth date and sex agree"]
    dicom_files.require_one_patient(files, one_study=False)
    return []


def _notes(choice: Choice, found: Sequence[DicomFile]) -> list[str]:
    notes = []
    if any(dose.effective for dose in choice.used):
        notes.append("DoseType EFFECTIVE: weighted by biological effect (RBE), not physical")
    if any(text(f.header, "Modality") == "RTRECORD" for f in found):
        notes.append("treatment records are there but not read: planned fractions are used")
    return notes


def _frame(doses: Sequence[Dose]) -> str | None:
    frames = {text(dose.file.header, "FrameOfReferenceUID") for dose in doses}
    if len(frames) > 1:
        raise ValueError(f"the doses have {len(frames)} frames of reference; export them again")
    return dicom_files.uid_digest(frames.pop())


def main(argv: Sequence[str] | None = None) -> None:
    """Read the raw dose and the subject's row, decide, write dose and ledger."""
    with step.Job("ingest_dose", argv, raw=("raw",), values=("row",)) as job:
        volume, facts = read(job.args.raw, json.loads(job.args.row), job.settings)
        job.facts |= facts
        ledger = facts["ledger"]
        for warning in ledger["warnings"]:
            job.say(f"warning: {warning}")
        job.say(
            f"{ledger['rule']}: stored maximum {ledger['maximum_gy']:.3f} Gy, course maximum "
            f"{ledger['total_maximum_gy']:.3f} Gy"
        )
        job.save(job.args.out, volume)


if __name__ == "__main__":
    step.run(main)
