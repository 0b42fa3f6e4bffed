"""Sentences of the box about subgroups: one answer for each group of patients does as well."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ricenet.report.sentence import NOT_SHOWN, Sentence, mark
from ricenet.report.shortcuts import feature_words

Row = Mapping[str, Any]


def constant_right(row: Row) -> int:
    """Return how many of a group are right if all of it get the answer of its larger class."""
    rice, n = int(row["rice"]), int(row["n"])
    return max(rice, n - rice)


def of_groups(tables: Mapping[str, Sequence[Row]], main: str) -> list[Sentence]:
    """Say of which groups one answer each is right as often as the network, the worst first.

    Only groups whose answers differ: otherwise it is one answer for all, of which the box speaks
    anyway. Groups that are too small to have a figure are left out.

    Parameters
    ----------
    tables : mapping of str to rows
        By kind of file.
    main : str
        Input combination of the network.
    """
    grouped: dict[str, list[Row]] = {}
    for row in tables.get("subgroups", ()):
        if row["ablation"] == main and row["set"] == "validation" and not row["note"]:
            grouped.setdefault(row["by"], []).append(row)
    found = []
    for by, rows in grouped.items():
        n, rice = (sum(int(row[key]) for row in rows) for key in ("n", "rice"))
        simple = sum(map(constant_right, rows))
        right = n - sum(int(float(row["errors"])) for row in rows)
        if simple >= right and simple > max(rice, n - rice):
            found.append((right - simple, _of_grouping(by, rows, (simple, right, n))))
    return [said for _, said in sorted(found, key=lambda pair: pair[0])]


def _of_grouping(by: str, rows: Sequence[Row], counts: tuple[int, int, int]) -> Sentence:
    simple, right, n = counts
    answers = ", ".join(
        f"{'RICE' if 2 * int(row['rice']) > int(row['n']) else 'recurrence'} for {row['group']}"
        for row in rows
    )
    within = "; ".join(
        f"{row['group']}: {int(row['n']) - int(float(row['errors']))} of {row['n']}, and "
        f"{constant_right(row)} by one answer for all"
        for row in rows
    )
    text = (
        f"Patients by {feature_words(by)}, without any image: one answer for each group ({answers})"
        f" is right in {simple} of {n}, the network in {right} ({within}). That the network's calls"
        " know more than the group is not shown. Descriptive, not tested; the answers were taken "
        "from these patients, which flatters them."
    )
    return Sentence(text, NOT_SHOWN, f"n = {n}; counts, see subgroups", mark(rows[0]))
