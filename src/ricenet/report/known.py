"""What the sheets and the model card are written from: records, and the content of the page."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ricenet.report.records import Runs
from ricenet.statistics.methods import METHODS

Row = Mapping[str, Any]


class Known(NamedTuple):
    """All that the texts may use.

    Attributes
    ----------
    runs : Runs
        What was really run.
    flow : sequence of dict
        Steps of the patients, see :func:`ricenet.report.cohort.flow`.
    manifest : sequence of dict
        subject, split, fold, label; as text.
    ablations : mapping of str to dict
        Results by input combination; empty before an evaluation.
    main : str
        Input combination to the fore.
    verdict : mapping
        can and cannot: sentences of page one.
    tables : mapping of str to rows
        By kind of file; a kind that is not there was not made.
    root_digest : str
    contrasts : sequence of dict
        Of the evaluation.
    """

    runs: Runs
    flow: Sequence[Row]
    manifest: Sequence[Row]
    ablations: Mapping[str, Row]
    main: str
    verdict: Mapping[str, Any]
    tables: Mapping[str, Sequence[Row]]
    root_digest: str
    contrasts: Sequence[Row] = ()

    def count(self, split: str, label: str = "") -> int:
        """Return the number of patients of a split, of one class if it is named ("0" or "1")."""
        own = [row for row in self.manifest if row["split"] == split]
        return sum(not label or row["label"] == label for row in own)

    def methods(self) -> list[str]:
        """Return the methods of the intervals that an evaluation's summary names."""
        found: dict[str, None] = {}
        open_: list[Any] = [self.ablations]
        while open_:
            one = open_.pop(0)
            if isinstance(one, Mapping):
                if isinstance(method := one.get("method"), str) and method in METHODS:
                    found[method] = None
                open_ += one.values()
            elif isinstance(one, list | tuple):
                open_ += one
        return sorted(found)

    def pairs(self) -> int:
        """Return how many pairs of input combinations were contrasted, whatever the sets."""
        return len({(row["first"], row["second"]) for row in self.contrasts})

    def made(self, kind: str) -> bool:
        """Return whether a table says more than that nothing could be made."""
        rows = self.tables.get(kind, ())
        return any(not row["note"].startswith("not made") for row in rows)


def plain(sentences: Sequence[str]) -> str:
    """Return sentences as one text without the marks of citations."""
    return re.sub(r" ?\[@[^\]]+\]", "", " ".join(sentences))


def said(sentences: Sequence[Any]) -> str:
    """Return sentences of page one as one text."""
    return " ".join(sentence.text for sentence in sentences)
