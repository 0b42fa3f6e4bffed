"""Reporting sheets: CLAIM 2024 and TRIPOD+AI, filled from records and from what people wrote.

Items are in our own words; their numbers are those of Tejani et al., Radiol Artif Intell 6:e240300,
2024, and Collins et al., BMJ 385:e078378, 2024.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import pandas as pd

from ricenet.provenance import tsv
from ricenet.report.page import TEMPLATES
from ricenet.report.statements import NOT_STATED

NO_RECORD = "no record"
SHEETS = {"CLAIM 2024": "claim-2024.tsv", "TRIPOD+AI": "tripod-ai.tsv"}


class Item(NamedTuple):
    """An item of a sheet.

    Attributes
    ----------
    sheet, number, item : str
    from_records : str
        What records say; "no record" where none says it; empty where no record could say it.
    stated : str
        What people wrote, "not stated" where they did not; empty where nobody has to.
    """

    sheet: str
    number: str
    item: str
    from_records: str
    stated: str


def items(sheet: str) -> list[dict[str, str]]:
    """Return the items of a sheet: number, item, facts, statements (keys, separated by commas)."""
    table = tsv.read(TEMPLATES / SHEETS[sheet])
    rows = table.astype(str).to_dict("records")
    return [{str(key): value for key, value in row.items()} for row in rows]


def filled(facts: Mapping[str, str], statements: Mapping[str, str]) -> list[Item]:
    """Return the items of all sheets.

    Parameters
    ----------
    facts : mapping of str to str
        Each key that the sheets name; empty where nothing was run.
    statements : mapping of str to str
        See :func:`ricenet.report.statements.read`.
    """
    found = []
    for sheet in SHEETS:
        for row in items(sheet):
            keys = [key.strip() for key in row["statements"].split(",") if key.strip()]
            said = [statements[key] for key in keys if key in statements]
            lacking = [key for key in keys if key not in statements]
            stated = " ".join(said)
            if lacking:
                rest = f" ({', '.join(key.replace('_', ' ') for key in lacking)})" if said else ""
                stated = f"{stated} {NOT_STATED}{rest}".strip()
            records = (facts[row["facts"]] or NO_RECORD) if row["facts"] else ""
            found.append(Item(sheet, row["number"], row["item"], records, stated))
    return found


def as_table(found: list[Item]) -> pd.DataFrame:
    """Return the items as a table."""
    return pd.DataFrame(found, columns=list(Item._fields))
