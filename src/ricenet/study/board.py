"""The board: how far each subject of a study is, and what has to be done.

It is read off the study's folder: a cache stands for success, a failure note beside a log (see
:func:`ricenet.step.failure_note`) for a step that refused. The terminal, ``status.tsv``, the status
page and the report show the same rows.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from ricenet.study import remarks

COLUMNS = ("subject", "state", "where", "why", "what_to_do")
STATES = ("failed", "held", "unfinished", "excluded", "ready")  # in the order of attention
GATE = "quality"
Row = dict[str, str]


def rows(root: Path, subjects: Iterable[str], excluded: Mapping[str, str]) -> list[Row]:
    """Return the state of each subject, those that need attention first.

    Parameters
    ----------
    root : path
        Folder of the study's results.
    subjects : iterable of str
        Subjects that the study works on.
    excluded : mapping
        Subjects that were left out, with the reason.

    Returns
    -------
    list of dict
        Columns :data:`COLUMNS`; a subject with several failures has several rows, and what failed
        for the cohort as a whole stands under its name.
    """
    subjects = list(subjects)
    found = [row for subject in subjects for row in subject_rows(root, subject)]
    found = remarks.added(root, found)
    found += [row for name in _cohorts(root) for row in _failures(root, name, newer_than=0.0)]
    found += [
        _row(subject, "excluded", "overrides table", reason, "")
        for subject, reason in excluded.items()
    ]
    return sorted(found, key=lambda row: STATES.index(row["state"]))


def subject_rows(root: Path, subject: str) -> list[Row]:
    """Return the rows of one subject.

    What failed since its cache was made, or one that says how far it is.
    """
    cache = root / "caches" / f"{subject}.json"
    made = cache.stat().st_mtime if cache.exists() else 0.0
    failures = _failures(root, subject, newer_than=made)
    if failures:
        return failures
    if made:
        return [_row(subject, "ready", "", "", "")]
    return [
        _row(
            subject,
            "unfinished",
            "",
            "no result and no error: not started, still running, or killed",
            f"run again; if it stays so, look at logs/{subject} and give the step more memory",
        )
    ]


def failed_subjects(root: Path, subjects: Iterable[str]) -> set[str]:
    """Return the subjects with a failure that still stands."""
    found = {subject for subject in subjects if (root / "logs" / subject).is_dir()}
    return {s for s in found if subject_rows(root, s)[0]["state"] in ("failed", "held")}


def _cohorts(root: Path) -> list[str]:
    return sorted(path.name for path in root.glob("cohorts/*") if path.is_dir())


def _failures(root: Path, name: str, *, newer_than: float) -> list[Row]:
    notes = sorted((root / "logs" / name).glob("*.failed.json"))
    return [_of_note(name, path) for path in notes if path.stat().st_mtime >= newer_than]


def _of_note(name: str, path: Path) -> Row:
    note = json.loads(path.read_text(encoding="utf-8"))
    # messages end with the remedy, after the last semicolon
    why, _, remedy = str(note["why"]).replace("\n", " ").rpartition("; ")
    state = "held" if note["step"] == GATE else "failed"
    where = f"{note['step']} of {str(note['place']).split('/')[-1]}"
    return _row(name, state, where, why or remedy, remedy if why else "see its log")


def _row(*values: str) -> Row:
    return dict(zip(COLUMNS, (value.replace("\t", " ") for value in values), strict=True))


def counts(board: Collection[Row]) -> dict[str, int]:
    """Count the subjects in each state; a state that nobody is in is left out."""
    first: dict[str, str] = {}
    for row in board:
        first.setdefault(row["subject"], row["state"])
    return {s: n for s in STATES if (n := sum(state == s for state in first.values()))}


def as_tsv(board: Iterable[Row]) -> str:
    """Return the board as a tab-separated table."""
    lines = [COLUMNS, *(tuple(row.values()) for row in board)]
    return "".join("\t".join(line) + "\n" for line in lines)
