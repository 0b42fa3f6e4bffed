"""The identities in the headers of raw DICOM files: what must occur nowhere in a study.

They live in memory only, while the search runs.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from ricenet.provenance import raw_files

STANDARD_UIDS = "1.2.840.10008."  # PS3.6 annex A: classes and syntaxes, of no person
# shorter texts are found by chance: "HEAD", "F", "T1"
SHORTEST = {"PN": 3, "LO": 6, "SH": 4, "ST": 6, "LT": 6, "UT": 6, "AE": 6}
IDS = ("PatientID", "OtherPatientIDs", "AccessionNumber", "StudyID", "PatientAddress")
# of machines and methods, not of persons and places
DEVICES = ("Manufacturer", "ManufacturerModelName", "SoftwareVersions", "DeidentificationMethod")
KINDS = {"PN": "a name", "UI": "a UID", "DA": "a date", "DT": "a date"}
_TOKEN = re.compile(r"[0-9][0-9.]{7,}")


@dataclass
class Identities:
    """Persons, places and times named in the headers of raw files. Never shown.

    Attributes
    ----------
    names : dict
        Names and ids in lower case, with their kind.
    texts : set
        Descriptions and other free text, as they are written.
    numbers : dict
        UIDs and dates, with their kind.
    paths : list of str
        The raw folder itself.
    """

    names: dict[str, str] = field(default_factory=dict)
    texts: set[str] = field(default_factory=set)
    numbers: dict[str, str] = field(default_factory=dict)
    paths: list[str] = field(default_factory=list)

    def within(self, text: str) -> list[str]:
        """Return the kinds of the identities that a piece of text holds."""
        kinds = {
            f"{self.numbers[token]} of the raw data"
            for token in map(_bare, _TOKEN.findall(text))
            if token in self.numbers
        }
        names, texts = self._patterns
        kinds |= {f"{self.names[hit]} of the raw data" for hit in names.findall(text.lower())}
        if texts.search(text):
            kinds.add("a text of the raw data")
        if any(path in text for path in self.paths):
            kinds.add("a path of the raw data")
        return sorted(kinds)

    @cached_property
    def _patterns(self) -> tuple[re.Pattern[str], re.Pattern[str]]:
        return _any_of(self.names), _any_of(self.texts)


def _any_of(texts: Iterable[str]) -> re.Pattern[str]:
    """Return a pattern of whole words, the longest first; of none where there are none."""
    either = "|".join(map(re.escape, sorted(texts, key=len, reverse=True)))
    return re.compile(rf"(?<!\w)(?:{either or '(?!)'})(?!\w)")


def _bare(token: str) -> str:
    return token.strip(".")


def collect(folder: Path, *, allowed: Collection[str]) -> Identities:
    """Read the headers of all DICOM files below a folder.

    Parameters
    ----------
    allowed : collection of str
        Pseudonyms of the study's subjects: a pseudonymised export has them as PatientID.
    """
    import pydicom

    identities = Identities(paths=sorted({str(folder), str(folder.resolve())} - {".", "/"}))
    kept = {name.lower() for name in allowed}
    for path in raw_files.listed(folder):
        try:
            data = pydicom.dcmread(path, stop_before_pixels=True)
        except Exception:  # not DICOM: no header
            continue
        for kind, value in _values(data):
            _add(identities, kind, value)
    for name in kept:
        identities.names.pop(name, None)
    return identities


def _values(data: Any) -> Iterator[tuple[str, str]]:
    for element in (*getattr(data, "file_meta", ()), *data.iterall()):
        if element.keyword in DEVICES:
            continue
        if element.VR in KINDS or element.VR in SHORTEST:
            several = element.value if element.VM > 1 else [element.value]
            for value in several:
                kind = "ID" if element.keyword in IDS else element.VR
                yield kind, str(value or "").strip()


def _add(identities: Identities, kind: str, value: str) -> None:
    if kind in ("UI", "DA", "DT"):
        if len(value) >= 8 and not value.startswith(STANDARD_UIDS):
            number = value[:8] if kind != "UI" else value
            identities.numbers[number] = KINDS[kind]
        return
    if kind == "PN":
        words = [word for word in re.split(r"[\^=\s]+", value) if len(word) >= SHORTEST["PN"]]
        for word in (*words, value):
            if word:
                identities.names[word.lower()] = "a name"
    elif kind == "ID":
        if len(value) >= 4:
            identities.names[value.lower()] = "an id"
    elif len(value) >= SHORTEST[kind]:
        identities.texts.add(value)
