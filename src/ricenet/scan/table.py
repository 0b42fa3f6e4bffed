"""Proposed rows as text: a subjects table whose comments give the reasons."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from ricenet.scan.export import NO_PERSON, Export, Patient
from ricenet.scan.label_list import Listed
from ricenet.scan.propose import Proposal, propose

COLUMNS = (
    "subject", "label", "postop", "postop_series", "event", "event_series", "dose", "dose_plan",
    "ct", "ct_series", "fractions", "prescription_gy",
)  # fmt: skip
SHORTEST_NAME = 3  # shorter parts of a name are found in any path


def ordered(patients: Iterable[str]) -> list[str]:
    """Return PatientIDs in an order that reveals nothing about the patients: by their digest."""
    return sorted(patients, key=lambda key: hashlib.sha256(key.encode()).hexdigest())


def lines(
    export: Export,
    folder: Path,
    *,
    ids: Mapping[str, str],
    listed: Mapping[str, Listed] | None = None,
    relative_to: Path | None,
) -> list[str]:
    """Return the table of an export.

    Parameters
    ----------
    export : Export
    folder : Path
        Of the export.
    ids : dict
        PatientID to pseudonym, of all patients of the export.
    listed : dict, optional
        PatientID to what the hospital's list says; without it, labels are left to a person.
    relative_to : Path or None
        Folder of the table, that paths are written from; None for absolute paths.
    """
    known = {} if listed is None else listed
    text = _head(export)
    if listed is not None:
        absent = len(known.keys() - export.patients.keys())
        text.append(f"# {absent} of the {len(known)} patients of the list are not in the export")
    text.append("\t".join(COLUMNS))
    for key in sorted(export.patients, key=ids.__getitem__):
        patient, subject = export.patients[key], ids[key]
        said = known.get(key, Listed())
        row = propose(patient, export, folder, event_day=said.event)
        row.cells["label"] = said.label
        if listed is not None and key not in known:
            row.notes.append("not in the list of labels")
        text += ["#", *_rows(patient, row, subject, relative_to)]
        text += [f"# {subject} {other}" for other in _shared(patient, export, ids)]
    return text


def _head(export: Export) -> list[str]:
    text = [
        "# Proposed by ricenet scan. Check each row, fill in labels, complete what",
        "# is incomplete. Day 0 is the day of the post-operative scan, else of the first image.",
    ]
    for reason, files in sorted(export.unreadable.items()):
        shown = ", ".join(files[:5]) + (", ..." if len(files) > 5 else "")
        text.append(f"# {len(files)} files unreadable: {reason} ({shown} in name order)")
    text += [f"# {count} files left alone: {what}" for what, count in sorted(export.others.items())]
    return text if export.patients else [*text, "# no image, dose or plan of any patient found"]


def _rows(patient: Patient, row: Proposal, subject: str, relative_to: Path | None) -> list[str]:
    """Yield comments of one patient, then the row, itself a comment where it is not complete."""
    cells = {"subject": subject, "label": "", **row.cells}
    missing, shown = list(row.missing), []
    for column, path in row.paths.items():
        cells[column] = _written(path, relative_to)
        if not _fits(cells[column]):
            missing.append(f"a path of {column} without tab, line break or spaces at its ends")
            cells[column] = ""
    for column, said, path in row.alternatives:
        path_text = _written(path, relative_to)
        shown.append(
            f"alternative for {column}: {said}: {path_text if _fits(path_text) else 'odd path'}"
        )
    text = [f"# {subject} {line}" for line in (*row.notes, *shown)]
    written = [*(cells.get(c, "") for c in row.paths), *shown]
    if any(names_person(line, patient) for line in written):
        text.append(f"# {subject} WARNING: a path holds the patient's name, number or birth date")
    if patient.key == NO_PERSON:
        missing.append("PatientID: objects of several people may be mixed here")
    line = "\t".join(cells.get(column, "") for column in COLUMNS).rstrip("\t")
    if not missing:
        return [*text, line]
    text.append(f"# {subject} missing: {'; '.join(dict.fromkeys(missing))}")
    return [*text, f"# incomplete: {line}"]


def _written(path: Path, relative_to: Path | None) -> str:
    path = path.resolve()
    return str(path) if relative_to is None else os.path.relpath(path, relative_to.resolve())


def _fits(text: str) -> bool:
    """Return whether a path survives as a cell of the table."""
    return text.isprintable() and text == text.strip() and "\t" not in text


def names_person(text: str, patient: Patient) -> bool:
    """Return whether a text holds a part of the patient's name, the number or the day of birth."""
    words = {patient.key} if patient.key != NO_PERSON else set()
    words |= patient.said.get("PatientBirthDate", set())
    for name in patient.said.get("PatientName", set()):
        words |= set(re.split(r"[\^=,;\s]+", name))
    low = text.lower()
    return any(len(word) >= SHORTEST_NAME and word.lower() in low for word in words)


def _shared(patient: Patient, export: Export, ids: Mapping[str, str]) -> list[str]:
    """List other patients with objects of the same study or frame: maybe the same person."""
    own = _marks(patient)
    return [
        f"shares a study or a frame of reference with {ids[key]}: one person with two numbers?"
        for key, other in sorted(export.patients.items(), key=lambda item: ids[item[0]])
        if other is not patient and own & _marks(other)
    ]


def _marks(patient: Patient) -> set[str]:
    """Return the studies and frames of reference of a patient's objects. Never shown."""
    marks = {mark for s in patient.series.values() for mark in (s.study, s.frame) if mark}
    return marks | {dose.frame for dose in patient.therapy.doses if dose.frame}
