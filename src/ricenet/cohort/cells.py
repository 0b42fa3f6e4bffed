"""Cells of a table that a person wrote, by an editor, a spreadsheet program or pandas."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pandas as pd

SEPARATORS = ("\t", ";", ",")  # the first of these that is in the line of column names


def read(path: Path) -> pd.DataFrame:
    """Return the cells of a table as text; ``#`` begins a comment, an empty cell is no text.

    Cells are separated by tabs, or, where the first line has none, by semicolons or commas.
    Quotes around a whole cell do not belong to it.

    Raises
    ------
    ValueError
        Not a text file in UTF-8, an empty one, columns that are not all different, a row with more
        cells than there are columns, or a quote that is not closed on its line.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: not a text file in UTF-8 ({error})") from None
    lines = [x for x in text.split("\n") if x.strip() and not x.startswith("#")]
    if not lines:
        raise ValueError(f"{path}: the table is empty; its first line names the columns")
    separator = next((mark for mark in SEPARATORS if mark in lines[0]), SEPARATORS[0])
    header, *rows = (_of_line(path, line, separator) for line in lines)
    if len(set(header)) < len(header):
        raise ValueError(f"{path}: columns {header} are not all different")
    long = [row[0][:40] for row in rows if len(row) > len(header)]
    if long:
        raise ValueError(f"{path}: rows {long} have more cells than the {len(header)} columns")
    # editors drop empty cells at the end of a line
    full = [row + [""] * (len(header) - len(row)) for row in rows]
    return pd.DataFrame(full, columns=header, dtype=str)


def _of_line(path: Path, line: str, separator: str) -> list[str]:
    if separator == "\t":
        return [_without_quotes(cell.strip()) for cell in line.split("\t")]
    try:
        row = next(csv.reader([line.strip()], delimiter=separator, strict=True))
    except csv.Error as error:
        raise ValueError(
            f"{path}: the row {line.strip()[:40]!r} cannot be read ({error}); save the table with "
            f"tabs between its columns and without line breaks in its cells"
        ) from None
    return [cell.strip() for cell in row]


def _without_quotes(cell: str) -> str:
    quoted = (
        len(cell) > 1 and cell[0] == cell[-1] == '"' and '"' not in cell[1:-1].replace('""', "")
    )
    return cell[1:-1].replace('""', '"') if quoted else cell


def whole_number(text: str) -> str:
    """Return ``30`` for ``30.0``, as pandas and spreadsheet programs write it, and others as is."""
    return re.sub(r"^(\d+)\.0+$", r"\1", text)
