"""A sentence of the box on page one, and how much it decides."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

Row = Mapping[str, Any]
SHOWN, NOT_SHOWN, IMPOSSIBLE, NOT_MADE = "shown", "not shown", "cannot be shown", "not made"
INTERVAL = "interval"  # decides nothing
USELESS = "one answer for all"  # everybody gets the same answer
NO_PLAN = "no plan on record"


class Sentence(NamedTuple):
    """A sentence of the box.

    Attributes
    ----------
    text : str
    tone : str
        shown, not shown, cannot be shown, not made, interval, one answer for all.
    method : str
        How its numbers were made; empty without numbers.
    plan : str
        Whether they were planned; empty without numbers.
    """

    text: str
    tone: str
    method: str = ""
    plan: str = ""


def mark(row: Row | None) -> str:
    """Return whether a row of a table was planned, in the table's words."""
    row = row or {}
    return str(row.get("planned") or row.get("plan") or NO_PLAN)
