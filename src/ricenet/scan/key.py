"""The key of a hospital: which patient has which pseudonym. It lies outside of every study.

Each scan of a growing export reads it, so that a patient keeps the pseudonym, and writes it anew.
"""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from ricenet.config.settings_files import CHECKOUT
from ricenet.provenance import atomic

COLUMNS = ("subject", "patient_id")
OF_STUDIES = ("subjects", "cohorts", "caches")  # folders that a study's results have
PRIVATE = 0o600  # read and written by its owner alone


def require_private(path: Path, export: Path) -> None:
    """Refuse a key where results, the export or the checkout could carry it along.

    Raises
    ------
    ValueError
        With the remedy.
    """
    place = path.resolve()
    remedy = "the key tells who the patients are: keep it where nothing of a study is copied from"
    if not place.parent.is_dir():
        raise ValueError("the folder of --key does not exist; make it first")
    for folder, name in ((export, "the export"), (CHECKOUT, "the folder of this program")):
        if place.is_relative_to(folder.resolve()):
            raise ValueError(f"--key lies inside {name}; {remedy}")
    if any(sum((above / name).is_dir() for name in OF_STUDIES) > 1 for above in place.parents):
        raise ValueError(f"--key lies inside the results of a study; {remedy}")


def read(path: Path) -> dict[str, str]:
    """Return the pseudonym of each PatientID; nothing where there is no key yet.

    Raises
    ------
    ValueError
        A file that is no key, or one that names a patient or a pseudonym twice. No message shows a
        PatientID.
    """
    if not path.exists():
        return {}
    try:
        text = path.read_text(encoding="utf-8")
        header, *rows = csv.reader(io.StringIO(text), delimiter="\t")
    except (ValueError, csv.Error):  # no text, or no line: neither is a key
        header, rows = [], []
    if tuple(header) != COLUMNS or any(len(row) != len(COLUMNS) for row in rows):
        raise ValueError(f"--key: the columns of {path.name} are not {list(COLUMNS)}; name another")
    key = {patient: subject for subject, patient in rows}
    if len(key) < len(rows) or len(set(key.values())) < len(rows):
        raise ValueError(f"--key: {path.name} names a patient or a pseudonym twice; correct it")
    return key


def write(path: Path, key: Mapping[str, str]) -> None:
    """Write a key, whole or not at all, for its owner alone."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter="\t", lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(sorted((subject, patient) for patient, subject in key.items()))
    before = os.umask(~PRIVATE & 0o777)
    try:
        atomic.write_text(path, text.getvalue())
    finally:
        os.umask(before)


def extended(key: Mapping[str, str], patients: Iterable[str], *, prefix: str) -> dict[str, str]:
    """Return a key with pseudonyms for all patients; those it has stay as they are.

    Parameters
    ----------
    patients : iterable of str
        PatientIDs, in the order in which new ones are numbered.
    prefix : str
        Of the pseudonyms: P gives P001, P002, ...
    """
    new = [patient for patient in patients if patient not in key]
    form = re.compile(rf"{re.escape(prefix)}(\d+)")
    taken = [int(match[1]) for subject in key.values() if (match := form.fullmatch(subject))]
    start = max(taken, default=0) + 1
    width = max(3, len(str(start + len(new) - 1)))
    numbered = {p: f"{prefix}{number:0{width}d}" for number, p in enumerate(new, start=start)}
    return {**key, **numbered}
