"""Whose a file of a study is: a subject's, a cohort's, or nobody's alone.

A patient who withdraws takes along all files that are this patient's alone (``ricenet leftovers``):
those whose path has the subject in the table of :mod:`ricenet.study.layout`, and files of no known
kind, for example of another version, by the folder that they lie in.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import cache
from pathlib import Path

from ricenet.study import layout
from ricenet.study.layout import ARRIVAL, COHORT, FILES, SUBJECT

# first folders with one folder a subject below them
OF_SUBJECTS = frozenset({SUBJECT.partition("/")[0], *layout.UNRECORDED_FOLDERS})
# folders of explanations below an input combination: files begin with the subject
_OF_MAPS = re.compile(re.escape(f"{COHORT}/{{ablation}}/") + r"([^/{}]+)/\{subject\}")
MAP_FOLDERS = frozenset(m[1] for template in FILES.values() if (m := _OF_MAPS.match(template)))
# kinds of a subject that is predicted, made and removed with the cohort's predictions; their
# maps, where the subject comes twice, are like those of the cohort
ARRIVALS = frozenset(
    kind
    for kind, template in FILES.items()
    if template.startswith(ARRIVAL) and template.count("{subject}") == 1
)
# what a killed job leaves of a file: its lease, or its content under another name
TEMPORARY = re.compile(r"\.(?:(.+)\.lease|(.+)\.\d+\.tmp|\d+\.(.+?)(?:\.tmp)?)")


def owner(path: Path, cohorts: Collection[str]) -> str:
    """Return the subject whose file it is; empty for files of a cohort or of all.

    Parameters
    ----------
    path : Path
        Relative to the study's folder.
    cohorts : collection of str
        Names of the study's cohorts.
    """
    *folders, name = path.parts
    if match := TEMPORARY.fullmatch(name):
        name = str(match[match.lastindex or 0])
    if parsed := layout.parse("/".join((*folders, name))):
        return parsed.names.get("subject", "")
    return _owner_by_folder(folders, name, cohorts)


def _owner_by_folder(folders: list[str], name: str, cohorts: Collection[str]) -> str:
    """Return the owner of a file of no known kind; see :func:`subjects_in` for logs of a cohort."""
    match folders:
        case ["caches", *_]:
            return re.split("[._]", name)[0]
        case [first, *below] if first in OF_SUBJECTS:
            if first == "subjects":
                return below[0] if below else name
            return below[0] if below and below[0] not in cohorts else ""
        case ["cohorts", _, "predictions", *below]:
            return below[0] if below else ""
        case ["cohorts", _, _, folder, *_] if folder in MAP_FOLDERS:
            return re.split("[._]", name)[0]
    return ""


def subjects_in(path: Path, known: Collection[str]) -> set[str]:
    """Return which of some subjects the name of a cohort's log or benchmark holds.

    Names in such a file's name, also in one of no known kind, stand between underscores, which no
    subject's id has.
    """
    if path.parts[0] not in OF_SUBJECTS:
        return set()
    return set(known).intersection(path.stem.split("_"))


@cache  # called many times by the audit
def subject_of(record: str) -> str:
    """Return the subject that a record is about, by its path; empty for a cohort's.

    Records about a subject who was asked about later belong to that cohort's predictions.
    """
    parsed = layout.parse(record)
    if parsed is None:  # of another version, perhaps
        return record.split("/")[1] if record.startswith("subjects/") else ""
    return "" if parsed.kind in ARRIVALS else parsed.names.get("subject", "")


def cohort_of(record: str) -> str:
    """Return the cohort that a record belongs to, by its path; empty for a subject's."""
    folders = record.split("/")
    return folders[1] if folders[0] == "cohorts" else ""
