"""One proposed row of the subjects table."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

REQUIRED = ("postop", "event", "dose")


@dataclass
class Proposal:
    """One row of the table.

    Attributes
    ----------
    cells : dict
        Column to text; paths as they are, see ``table``.
    paths : dict
        Column to path.
    notes : list of str
        Reasons, alternatives, doubts. No date, name, identifier or UID.
    alternatives : list of (str, Series)
        Column and a series that could be meant instead.
    missing : list of str
        Why the row cannot be used as it is.
    """

    cells: dict[str, str] = field(default_factory=dict)
    paths: dict[str, Path] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    alternatives: list[tuple[str, str, Path]] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
