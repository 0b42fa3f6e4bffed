"""What a path in a study's folder says of its owner.

A patient who withdraws takes all files along that are this patient's alone (``ricenet leftovers``),
and the audit ties records to subjects. Both read this: a new kind of map is a name in
:data:`MAP_FOLDERS`. The rules are held against it: ``tests/workflow/test_rules.py``.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path

OF_SUBJECTS = ("subjects", "logs", "benchmarks")  # folders with one folder a subject
# folders of explanations below an input combination: files begin with the subject
MAP_FOLDERS = frozenset({"occlusion"})


def owner(path: Path, cohorts: Collection[str]) -> str:
    """Subject whose file it is, by its place in the study; empty for files of a cohort or of all.

    Names of logs and benchmarks within a cohort's folder hold the subject between underscores,
    which no id has: see :func:`subjects_in`.

    Parameters
    ----------
    path : Path
        Relative to the study's folder.
    cohorts : collection of str
        Names of the study's cohorts.
    """
    parts = path.parts
    name = re.sub(r"^\.\d+\.", "", parts[-1])  # temporaries of a killed job, too
    if parts[0] in OF_SUBJECTS and len(parts) > 1 and parts[1] not in cohorts:
        return parts[1] if len(parts) > 2 or parts[0] == "subjects" else ""
    if parts[0] == "caches":
        return name.split(".")[0]
    if parts[0] == "cohorts" and len(parts) > 3:
        if parts[2] == "predictions":
            return parts[3] if len(parts) > 4 else ""
        if parts[3] in MAP_FOLDERS:
            return re.split("[._]", name)[0]
    return ""


def subjects_in(path: Path, known: Collection[str]) -> set[str]:
    """Which of some subjects the name of a cohort's log or benchmark holds.

    Such a file is named ``<ablation>_<subject>_<step>``.
    """
    if path.parts[0] not in OF_SUBJECTS:
        return set()
    return set(known).intersection(path.stem.split("_"))


def subject_of(record: str) -> str:
    """Subject that a record belongs to, from its path in the study; empty for the cohort's.

    Records about a subject who was asked about later belong to that cohort's predictions.
    """
    parts = record.split("/")
    if parts[0] == "subjects":
        return parts[1]
    if parts[0] == "caches" or MAP_FOLDERS.intersection(parts):
        return Path(parts[-1]).stem.split("_")[0]
    return ""
