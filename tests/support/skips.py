"""Which tests may be skipped: a table of files, reasons, and where such tests are run instead."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path


class Allowed:
    """The table of allowed skips; a file of ``*`` stands for any."""

    def __init__(self, table: Path) -> None:
        with table.open(encoding="utf-8", newline="") as file:
            rows = list(csv.reader(file, delimiter="\t"))
        self.rows = {(file, reason): instead for file, reason, instead in rows[1:]}

    def instead(self, file: str, reason: str) -> str | None:
        """Where a skipped test is run instead; None where it may not be skipped."""
        name = file.removeprefix("tests/")
        return self.rows.get((name, reason), self.rows.get(("*", reason)))


def unexpected(skipped: Iterable[tuple[str, str]], allowed: Allowed) -> list[tuple[str, str]]:
    """Skipped tests that the table does not name, as pairs of file and reason."""
    return [one for one in skipped if allowed.instead(*one) is None]
