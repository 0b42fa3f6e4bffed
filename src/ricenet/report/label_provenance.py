"""What the report says of how the labels are known."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

Row = Mapping[str, str]
NOT_STATED, MIXED = "not stated", "mixed"
NOT_MADE = "Not made, this was not run."


def label_provenance(tables: Mapping[str, Sequence[Row]]) -> dict[str, Any]:
    """Return sentence and rows of the section.

    Parameters
    ----------
    tables : mapping of str to rows
        By kind of file; a kind that is not there was not made.
    """
    if "label_provenance" not in tables:
        return {"sentence": NOT_MADE, "rows": [], "stated": False}
    rows = list(tables["label_provenance"])
    by_source: Counter[str] = Counter()
    mixed = unknown = 0
    for row in rows:
        number = int(row["n"])
        by_source[row["source"]] += number
        mixed += number * (row["histology"] == MIXED)
        unknown += number * (row["histology"] == NOT_STATED and row["source"] != "follow-up")
    total = sum(by_source.values())
    if set(by_source) <= {NOT_STATED} and not mixed:
        said = f"How the labels of these {total} patients are known: not stated."
        return {"sentence": said, "rows": [], "stated": False}
    sources = ", ".join(f"{n} {source}" for source, n in sorted(by_source.items()))
    said = (
        f"How the labels of these {total} patients are known: {sources}. Mixed histology (tumour "
        f"and radiation effect in one specimen): {mixed}, kept under the label of the table; of "
        f"{unknown} it is not stated. Patients left out for it are counted where the patients went."
    )
    return {"sentence": said, "rows": rows, "stated": True}
