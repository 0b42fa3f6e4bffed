"""The table of decisions: what a person has decided about a check or a subject.

A check that failed holds its subject back until a row accepts it; a row can also leave a subject
out, or record that one was withdrawn: its row in the subjects table was removed on purpose. The
table is read whole before any job starts, so that a misspelled row cannot go unnoticed.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path

import pandas as pd

from ricenet.cohort import tables

COLUMNS = ("subject", "check", "decision", "who", "why")
DECISIONS = ("accept", "exclude", "withdraw")
CHECK_PATTERN = r"[a-z0-9_-]+/[a-z0-9-]+"  # <record>/<check>, as the step ``quality`` shows it
EVERYTHING = "all"


def read(path: str | Path, subjects: Collection[str]) -> pd.DataFrame:
    """Read and check the table of decisions.

    Parameters
    ----------
    path : path
        Tab-separated: ``subject``, ``check`` (``<record>/<check>``; or ``all`` with exclude and
        withdraw), ``decision`` (accept, exclude or withdraw), ``who`` decided, and ``why``.
    subjects : collection of str
        Ids of the subjects table.

    Returns
    -------
    DataFrame
        Text columns, in the table's order.

    Raises
    ------
    ValueError
        An unknown subject, check or decision, an empty cell, or two rows that decide one thing.
    """
    path = Path(path)
    table = tables.read_table(path, COLUMNS, COLUMNS)
    for row in table.itertuples(index=False):
        place = f"{path}: the row {row.subject}, {str(row.check)[:60]!r}"
        if row.decision not in DECISIONS:
            raise ValueError(f"{place}: decision {row.decision!r} is not among {list(DECISIONS)}")
        _check_presence(place, str(row.decision), present=row.subject in subjects)
        everything = row.check == EVERYTHING and row.decision != "accept"
        if not everything and not re.fullmatch(CHECK_PATTERN, str(row.check)):
            raise ValueError(
                f"{place}: the check must read like 'postop_to-event/left-right', as the message "
                f"of the held subject shows it; only 'exclude' and 'withdraw' say {EVERYTHING!r}"
            )
        if not row.who or not row.why:
            raise ValueError(f"{place}: a decision needs who took it, and why")
    twice = table[table.duplicated(["subject", "check"])]
    if len(twice):
        raise ValueError(f"{path}: two rows decide {twice.iloc[0]['check']!r} of one subject")
    return table


def _check_presence(place: str, decision: str, *, present: bool) -> None:
    if decision == "withdraw" and present:
        raise ValueError(f"{place}: remove the subject's row from the subjects table first")
    if decision != "withdraw" and not present:
        raise ValueError(
            f"{place}: the subjects table has no such subject; if it was withdrawn, the decision "
            f"is 'withdraw' and the check {EVERYTHING!r}"
        )


def excluded(table: pd.DataFrame) -> dict[str, str]:
    """Return the subjects that are left out or withdrawn, with who decided it and why."""
    words = {"exclude": "", "withdraw": "withdrawn: "}
    return {
        str(r.subject): f"{words[str(r.decision)]}{r.why} ({r.who})"
        for r in table.itertuples(index=False)
        if r.decision in words
    }


def withdrawn(table: pd.DataFrame) -> list[str]:
    """Return the subjects that were withdrawn.

    Still in cohort files, no longer in the subjects table.
    """
    return [str(s) for s in table.loc[table["decision"] == "withdraw", "subject"]]


def accepted(table: pd.DataFrame, subject: str) -> dict[str, dict[str, str]]:
    """Return the checks of one subject that a person has accepted, with who and why."""
    rows = table[(table["subject"] == subject) & (table["decision"] == "accept")]
    cells = rows[["check", "who", "why"]].astype(str).to_numpy().tolist()
    return {check: {"who": who, "why": why} for check, who, why in cells}


def accepted_checks(table: pd.DataFrame) -> dict[str, set[str]]:
    """Return the checks that a person has accepted, by subject."""
    rows = table[table["decision"] == "accept"]
    found: dict[str, set[str]] = {}
    for subject, check in zip(rows["subject"], rows["check"], strict=True):
        found.setdefault(str(subject), set()).add(str(check))
    return found
