"""The files of an export: found without following links, read one by one, kept as little as needed.

Nothing is ever written below the export's folder.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tqdm import tqdm

from ricenet.dicom.files import DicomFile, read_header, text
from ricenet.dicom.storage_classes import is_image
from ricenet.dose.objects import is_dose, is_plan
from ricenet.scan.images import Series
from ricenet.scan.therapy import Therapy

JUNK = ("dicomdir", "thumbs.db", "desktop.ini", "__macosx")
NO_PERSON = "no PatientID"


@dataclass
class Patient:
    """All objects with one PatientID.

    Attributes
    ----------
    key : str
        PatientID. Never shown.
    said : dict
        PatientName, PatientBirthDate and PatientSex: values that are there. Never shown.
    series : dict
        Image series by UID.
    therapy : Therapy
        Doses, plans, records, structures and registrations.
    """

    key: str
    said: dict[str, set[str]] = field(default_factory=dict)
    series: dict[str, Series] = field(default_factory=dict)
    therapy: Therapy = field(default_factory=Therapy)

    def add(self, file: DicomFile) -> None:
        """Keep the relevant elements of an object."""
        for keyword in ("PatientName", "PatientBirthDate", "PatientSex"):
            if value := text(file.header, keyword):
                self.said.setdefault(keyword, set()).add(value)
        if is_image(file):
            uid = text(file.header, "SeriesInstanceUID")
            self.series.setdefault(uid, Series(uid)).add(file)
        else:
            self.therapy.add(file)

    def complete(self) -> None:
        """Decide what counts of each series, now that all of its files are known."""
        for series in self.series.values():
            series.complete()
        self.series = {uid: series for uid, series in self.series.items() if series.paths}

    @property
    def differing(self) -> list[str]:
        """Elements that one person has one value of, and that differ."""
        return [k for k in ("PatientBirthDate", "PatientSex") if len(self.said.get(k, ())) > 1]


@dataclass
class Export:
    """The contents of a folder.

    Attributes
    ----------
    patients : dict
        By PatientID.
    owners : dict
        Folder to the PatientIDs of all objects below it.
    unreadable : dict
        Reason to the files, as messages call them.
    others : Counter
        Reason to the number of files that are left alone.
    """

    patients: dict[str, Patient] = field(default_factory=dict)
    owners: dict[Path, set[str]] = field(default_factory=dict)
    unreadable: dict[str, list[str]] = field(default_factory=dict)
    others: Counter[str] = field(default_factory=Counter)


def files_below(folder: Path, others: Counter[str]) -> list[Path]:
    """Yield regular files in name order, without links, hidden files and files of the system."""
    files = []
    for parent, folders, names in os.walk(folder):
        others["link or no regular file"] += sum(Path(parent, f).is_symlink() for f in folders)
        folders[:] = sorted(f for f in folders if not _is_junk(f))
        for name in sorted(names):
            path = Path(parent, name)
            if _is_junk(name):
                others["hidden or DICOMDIR"] += 1
            elif path.is_symlink() or not path.is_file():
                others["link or no regular file"] += 1
            else:
                files.append(path)
    return files


def _is_junk(name: str) -> bool:
    return name.startswith(".") or name.lower() in JUNK


def read_export(folder: Path) -> Export:
    """Read all headers below a folder; what cannot be read is counted and never stops it."""
    export = Export()
    paths = files_below(folder, export.others)
    # disable=None: no bar where the output is no terminal
    bar = tqdm(paths, desc="headers", unit="file", disable=None)
    for file in _headers(bar, len(paths), export):
        key = text(file.header, "PatientID") or NO_PERSON
        try:
            export.patients.setdefault(key, Patient(key)).add(file)
        except Exception as error:  # pydicom converts an element when it is first asked for
            reason = f"damaged element ({type(error).__name__})"
            export.unreadable.setdefault(reason, []).append(file.label.split(" of ")[0])
        for above in file.path.parents:
            export.owners.setdefault(above, set()).add(key)
            if above == folder:
                break
    for patient in export.patients.values():
        patient.complete()
    export.others = +export.others
    return export


def _headers(paths: tqdm, count: int, export: Export) -> Iterator[DicomFile]:
    for number, path in enumerate(paths, start=1):
        label = f"file {number} of {count} in name order"
        try:
            header = read_header(path, label)
        except ValueError as error:
            reason = _reason(str(error), label)
            export.unreadable.setdefault(reason, []).append(f"file {number}")
            continue
        if header is None:
            export.others["no DICOM"] += 1
            continue
        file = DicomFile(path, label, header)
        if is_image(file) or is_dose(file) or is_plan(file) or Therapy.takes(file):
            yield file
        else:
            export.others["other DICOM objects"] += 1


def _reason(message: str, label: str) -> str:
    """Return the first part of a message, without label and numbers, to count its kind."""
    said = message.removeprefix(label).split(";")[0]
    return re.sub(r"\s*\([^)]*\)", "", said).strip(" :")


def without_label(message: str) -> str:
    """Return a reader's message without its label of the file."""
    return re.sub(r"file \d+ of \d+ in name order:? ?", "", message)
