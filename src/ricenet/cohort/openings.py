"""The ledger of a cohort's test set: each line an opening, chained to the line before by a digest.

A line that was edited, removed or put elsewhere breaks the chain. The last lines could be cut off
without that: the record beside the ledger, and those of the steps that read it, hold its digest.
Neither protects against somebody who rewrites all of these files.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from ricenet.provenance import atomic

Line = dict[str, str]
# what is opened: an opening that is equal in these to the last one is the same opening
OPENED = ("plan", "seen_before", "patients", "inputs", "manifest", "models", "code")
COLUMNS = ("line", "when", *OPENED, "also_seen_in", "previous", "digest")
START = hashlib.sha256(b"ricenet test openings 1").hexdigest()  # before the first line
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def digest_of(line: Mapping[str, str]) -> str:
    """Return the sha256 of a line's cells but its own digest, the previous digest among them."""
    return hashlib.sha256("\t".join(line[c] for c in COLUMNS[:-1]).encode()).hexdigest()


def day(year: int, month: int, day_of_month: int) -> str:
    """Return a date with the month as a word: no date of a patient is ever written so."""
    return f"{day_of_month} {MONTHS[month - 1]} {year}"


def as_text(lines: Sequence[Line]) -> str:
    """Return the ledger's text."""
    rows = [COLUMNS, *([line[c] for c in COLUMNS] for line in lines)]
    return "".join("\t".join(row) + "\n" for row in rows)


def parse(text: str) -> list[Line]:
    """Read a ledger and check its chain.

    Raises
    ------
    ValueError
        A line that is not whole, not in its place, or not what was written.
    """
    header, *rows = text.split("\n")
    if header.split("\t") != list(COLUMNS) or rows[-1:] != [""]:
        raise ValueError("it does not begin or end as a ledger does")
    lines, previous = [], START
    for number, row in enumerate(rows[:-1], 1):
        cells = row.split("\t")
        if len(cells) != len(COLUMNS):
            raise ValueError(f"line {number} is not whole")
        line = dict(zip(COLUMNS, cells, strict=True))
        if line["line"] != str(number) or line["previous"] != previous:
            raise ValueError(f"line {number} does not follow the one before it")
        if line["digest"] != digest_of(line):
            raise ValueError(f"line {number} is not what was written")
        lines.append(line)
        previous = line["digest"]
    return lines


def read(path: Path) -> list[Line]:
    """Return the lines of a ledger; none where there is no file yet.

    Raises
    ------
    ValueError
        The ledger was changed by something else than an opening.
    """
    if not path.exists():
        return []
    try:
        return parse(path.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise ValueError(
            f"{path.name}: the ledger of test openings was edited or damaged: {error}; put it back "
            f"from a backup. What was opened cannot be told without it"
        ) from None


def appended(lines: Sequence[Line], opening: Mapping[str, str], when: str) -> list[Line]:
    """Return the lines with an opening added, or as they are where it is the last one again.

    Parameters
    ----------
    opening : mapping of str to str
        :data:`OPENED`, and ``also_seen_in``.
    when : str
        Day in UTC.
    """
    if lines and all(lines[-1][c] == opening[c] for c in OPENED):
        return list(lines)
    previous = lines[-1]["digest"] if lines else START
    line = {**opening, "line": str(len(lines) + 1), "when": when, "previous": previous}
    return [*lines, {**line, "digest": digest_of(line)}]


def append(path: Path, opening: Mapping[str, str], when: str) -> list[Line]:
    """Add an opening to a ledger on the disk, whole or not at all; its lines.

    Raises
    ------
    ValueError
        The ledger was changed by something else than an opening.
    """
    before = read(path)
    lines = appended(before, opening, when)
    if len(lines) > len(before):
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic.write_text(path, as_text(lines))
    return lines
