"""The records of a study, read as untrusted: which are whole, and which file each one vouches for.

Files are named by their path within the study's folder, ``/`` between the parts.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ricenet.provenance import record as records_of_steps
from ricenet.study import layout, ownership

FIELDS = {
    "step": str, "command": list, "settings": dict, "code": str, "inputs": dict, "outputs": dict,
    "raw": dict, "facts": dict, "checks": list, "versions": dict,
}  # fmt: skip


@dataclass(frozen=True)
class Problem:
    """What is wrong with one file of a study.

    Attributes
    ----------
    file : str
        Path within the study's folder.
    kind : str
        ``altered``, ``missing``, ``orphaned``, ``wrong parent``, ``stale``, ``invalid`` or
        ``private``.
    why : str
        The reason, in words.
    """

    file: str
    kind: str
    why: str


@dataclass(frozen=True)
class Record:
    """One record.

    Attributes
    ----------
    name : str
        Its path within the study's folder.
    content : mapping
        What the step has written.
    """

    name: str
    content: Mapping[str, Any]

    @property
    def step(self) -> str:
        """Name of the step."""
        return str(self.content["step"])

    @property
    def subject(self) -> str:
        """Subject that it belongs to; empty for the study's."""
        return ownership.subject_of(self.name)

    @property
    def cohort(self) -> str:
        """Cohort that it belongs to; empty for a subject's."""
        return ownership.cohort_of(self.name)

    def files(self, side: str) -> Iterator[tuple[str, str]]:
        """Yield the names and digests of the ``inputs`` or ``outputs``."""
        for entries in self.content[side].values():
            for entry in entries:
                yield self._within_study(entry["path"]), entry["digest"]

    def named(self, side: str, flag: str) -> list[str]:
        """Return the names of the files that one flag of the command holds."""
        return [self._within_study(entry["path"]) for entry in self.content[side].get(flag, [])]

    def value(self, flag: str) -> str:
        """Return a text that one flag of the command holds; empty where it is not there."""
        words = self.content["command"]
        joined = [word for word in words if word.startswith(f"--{flag}=")]
        if joined:
            return joined[0].partition("=")[2]
        return words[words.index(f"--{flag}") + 1] if f"--{flag}" in words else ""

    def _within_study(self, path: str) -> str:
        return os.path.normpath(os.path.join(os.path.dirname(self.name), path))  # noqa: PTH118, PTH120


@dataclass(frozen=True)
class RecordedStudy:
    """The contents of a study's folder.

    Attributes
    ----------
    root : Path
        The folder.
    records : dict
        Records that are whole, by name.
    problems : list of Problem
        Records that are not.
    claimed : set of str
        Files that these name, whatever that is worth.
    """

    root: Path
    records: dict[str, Record]
    problems: list[Problem] = field(default_factory=list)
    claimed: set[str] = field(default_factory=set)

    def outputs(self) -> dict[str, tuple[Record, str]]:
        """Return the record and digest of each file that a record vouches for."""
        return {
            file: (record, digest)
            for record in self.records.values()
            for file, digest in record.files("outputs")
        }

    def broken(self) -> set[str]:
        """Return the names of the unusable records."""
        return {problem.file for problem in self.problems}


def read(root: Path) -> RecordedStudy:
    """Read all records below a study's folder; logs and other JSON files are left out."""
    study = RecordedStudy(root, {})
    for name in files_of(root):
        if name.endswith(".json"):
            _add(study, name)
    return study


def _add(study: RecordedStudy, name: str) -> None:
    try:
        content = json.loads((study.root / name).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        reason = f"not a readable record ({type(error).__name__})"
        study.problems.append(Problem(name, "altered", reason))
        return
    if not isinstance(content, dict) or "step" not in content:
        return
    record = Record(name, content)
    whole = _well_formed(content)
    if whole and content.get("seal") == records_of_steps.seal(content):
        study.records[name] = record
        return
    reason = "the record was edited: its seal is not that of its content"
    study.problems.append(Problem(name, "altered", reason if whole else "not a complete record"))
    if whole:
        study.claimed.update(file for file, _ in record.files("outputs"))


def _well_formed(content: Mapping[str, Any]) -> bool:
    if not all(isinstance(content.get(name), kind) for name, kind in FIELDS.items()):
        return False
    sides = [*content["inputs"].values(), *content["outputs"].values()]
    return all(
        isinstance(entry, dict) and {"path", "digest"} <= set(entry)
        for entries in sides
        for entry in entries
    )


def files_of(root: Path) -> list[str]:
    """Return the names of all files of a study that need a record, or are one.

    Links count as files.
    """
    files = []
    for folder, folders, names in os.walk(root):
        within = Path(folder).relative_to(root)
        if within == Path():
            folders[:] = [name for name in folders if name not in layout.UNRECORDED_FOLDERS]
            names = [name for name in names if name not in layout.UNRECORDED_FILES]
        files += [(within / name).as_posix() for name in names]
    return sorted(files)
