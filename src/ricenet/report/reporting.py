"""Methods paragraph, model card and sheets of a study, as the page and as files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from ricenet.report import methods, model_card, sheet_facts, sheets
from ricenet.report.known import Known
from ricenet.report.methods import Methods
from ricenet.report.sheets import Item


class Reporting(NamedTuple):
    """What people hand in with a paper.

    Attributes
    ----------
    methods : Methods
    card : list of (str, list of str)
        Headings and paragraphs.
    sheets : list of Item
    stated : int
        Number of statements that people have written.
    """

    methods: Methods
    card: list[tuple[str, list[str]]]
    sheets: list[Item]
    stated: int


def reporting(known: Known, statements: Mapping[str, str]) -> Reporting:
    """Write all texts."""
    facts = sheet_facts.facts(known)
    return Reporting(
        methods.methods(known.runs, known.tables, known.methods(), known.contrasts),
        model_card.card(facts, statements),
        sheets.filled(facts, statements),
        len(statements),
    )
