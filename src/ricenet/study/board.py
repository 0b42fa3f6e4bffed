"""The board: how far each subject of a study is, and what has to be done.

It is read off the study's folder: a cache stands for success, a failure note beside a log (see
:func:`ricenet.step.failure_note`) for a step that refused, a failed check in a record for a subject
that will be held back. The terminal, ``status.tsv``, the status page and the report show the same
rows.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ricenet.step.checks import NOT_MADE, holds
from ricenet.study import layout, ownership, remarks, study_folder

COLUMNS = ("subject", "state", "where", "why", "what_to_do")
STATES = ("failed", "held", "unfinished", "excluded", "ready")  # in the order of attention
GATE = "quality"
HELD = "held back until a person decides: "  # how its message begins
# records whose checks the gate reads
GATED = frozenset(
    f"{kind}_record"
    for kind in (
        "timeline", "native", "brain_mask", "zscored", "transform", "registered", "total", "crop",
    )
)  # fmt: skip
NEXT = "its failed checks are accepted, and the next run continues with it"
NOT_SEEN = "no result and no error: not started, still running, or killed with all of its run"
Row = dict[str, str]
Decided = Mapping[str, Collection[str]]  # subject to <record>/<check> that a person has accepted


def rows(
    root: Path, subjects: Iterable[str], excluded: Mapping[str, str], accepted: Decided
) -> list[Row]:
    """Return the state of each subject, those that need attention first.

    Parameters
    ----------
    root : path
        Folder of the study's results.
    subjects : iterable of str
        Subjects that the study works on.
    excluded : mapping
        Subjects that were left out, with the reason.
    accepted : mapping
        Checks that a person has accepted, by subject.

    Returns
    -------
    list of dict
        Columns :data:`COLUMNS`; a subject with several failures has several rows, and what failed
        for the cohort as a whole stands under its name.
    """
    subjects = list(subjects)
    board_rows = [row for s in subjects for row in subject_rows(root, s, accepted.get(s, ()))]
    board_rows = remarks.added(root, board_rows)
    board_rows += [
        _of_note(name, note)
        for name in study_folder.cohorts(root)
        if name not in subjects
        for note in _notes(root, name, newer_than=0.0, without=excluded)
    ]
    board_rows += [
        _row(subject, "excluded", "overrides table", reason, "")
        for subject, reason in excluded.items()
    ]
    return sorted(board_rows, key=lambda row: STATES.index(row["state"]))


def subject_rows(root: Path, subject: str, accepted: Collection[str]) -> list[Row]:
    """Return the rows of one subject.

    What failed since its cache was made, or one that says how far it is.
    """
    made = _made(root, subject)
    notes = _notes(root, subject, newer_than=made)
    standing = [note for note in notes if not _is_decided(note, accepted)]
    failures = [_of_note(subject, note) for note in standing]
    told = {check for note in standing for check in _held_checks(note)}
    for step, check in _failed_checks(root, subject, newer_than=made):
        if check["id"] not in told and check["id"] not in accepted:
            failures.append(_of_check(subject, step, check))
    if failures:
        return failures
    if made:
        return [_row(subject, "ready", "", "", "")]
    if standing != notes:
        return [_row(subject, "unfinished", "", NEXT, "start the same command again")]
    what = f"run again; if it stays so, look at logs/{subject} and give the step more memory"
    return [_row(subject, "unfinished", "", NOT_SEEN, what)]


def failed_subjects(root: Path, subjects: Iterable[str], accepted: Decided) -> set[str]:
    """Return the subjects with a note on a failed step, if it is still current.

    A check that failed, but has not stopped its subject yet, does not count here: the data may have
    been corrected since, and the next run writes its record again.
    """
    return {
        s
        for s in subjects
        for note in _notes(root, s, newer_than=_made(root, s))
        if not _is_decided(note, accepted.get(s, ()))
    }


def _made(root: Path, subject: str) -> float:
    """Return when the subject's cache was made; 0 where there is none."""
    cache = root / layout.path("cache_record", subject=subject)
    return cache.stat().st_mtime if cache.exists() else 0.0


def _held_checks(note: Mapping[str, Any]) -> set[str]:
    """Return the checks, ``<record>/<check>``, that a note of the gate asks a person about."""
    why = str(note["why"])
    if note["step"] != GATE or not why.startswith(HELD):
        return set()
    return {words[0] for words in map(str.split, why.removeprefix(HELD).split(" | ")) if words}


def _is_decided(note: Mapping[str, Any], accepted: Collection[str]) -> bool:
    checks = _held_checks(note)
    return bool(checks) and checks <= set(accepted)


def _failed_checks(
    root: Path, subject: str, *, newer_than: float
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield step and check of a subject's records where one did not pass, as the gate will."""
    for path, parsed in study_folder.of_subject(root, subject):
        if parsed.kind not in GATED:
            continue
        try:
            if path.stat().st_mtime < newer_than:
                continue
            record = json.loads(path.read_text(encoding="utf-8"))
            checks = [dict(check) for check in record["checks"]]
        # gone meanwhile, or damaged: the audit says what is wrong with it
        except (OSError, ValueError, TypeError, KeyError):
            continue
        for check in checks:
            # a check that was not made holds where it must be made; no verdict at all holds too
            if check.get("verdict") not in ("pass", NOT_MADE) or holds(check):
                name = f"{layout.record_name(path)}/{check.get('check')}"
                yield str(record.get("step")), check | {"id": name}


def _notes(
    root: Path, name: str, *, newer_than: float, without: Collection[str] = ()
) -> list[dict[str, Any]]:
    """Return the notes in a folder of logs, but those about subjects that were left out."""
    notes = []
    for path in study_folder.failures(root, name):
        if ownership.subjects_in(path.relative_to(root), without):
            continue
        with contextlib.suppress(FileNotFoundError):  # its step has just started again
            if path.stat().st_mtime >= newer_than:
                notes.append(json.loads(path.read_text(encoding="utf-8")))
    return notes


def _of_note(name: str, note: Mapping[str, Any]) -> Row:
    # messages end with the remedy, after the last semicolon
    why, _, remedy = str(note["why"]).replace("\n", " ").rpartition("; ")
    held = note["step"] == GATE and not note.get("silent")
    where = f"{note['step']} of {str(note['place']).split('/')[-1]}"
    what = remedy if why else "see its log"
    return _row(name, "held" if held else "failed", where, why or remedy, what)


def _of_check(subject: str, step: str, check: Mapping[str, Any]) -> Row:
    bounds = [
        f"{words} {check[key]:g}"
        for key, words in (("at_least", "at least"), ("at_most", "at most"))
        if check.get(key) is not None
    ]
    value = check.get("value")
    shown = f"{value:.4g}" if isinstance(value, int | float) else "not known"
    why = f"{check['id']} is {shown} {check.get('unit', '')}".rstrip()
    if check.get("verdict") == NOT_MADE:
        why = f"{check['id']} was not made: {check.get('reason', '')}"
    why += f" ({', '.join(bounds)} expected)" if bounds else ""
    why += f": {check['advice']}" if check.get("advice") else ""
    what = (
        f"correct the data, or write a row in the overrides table: {subject}, {check['id']}, "
        f"accept (or exclude), who, why"
    )
    return _row(subject, "held", f"{step} of {check['id'].partition('/')[0]}", why, what)


def _row(*values: str) -> Row:
    return dict(zip(COLUMNS, (value.replace("\t", " ") for value in values), strict=True))


def counts(board: Collection[Row]) -> dict[str, int]:
    """Count the subjects in each state; states without subjects are left out."""
    first: dict[str, str] = {}
    for row in board:
        first.setdefault(row["subject"], row["state"])
    return {s: n for s in STATES if (n := sum(state == s for state in first.values()))}


def as_tsv(board: Iterable[Row]) -> str:
    """Return the board as a tab-separated table."""
    lines = [COLUMNS, *(tuple(row.values()) for row in board)]
    return "".join("\t".join(line) + "\n" for line in lines)
