"""A model card (Mitchell et al., FAT* 2019), from the same facts as the sheets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ricenet.report.sheets import NO_RECORD
from ricenet.report.statements import NOT_STATED


class Part(NamedTuple):
    """A part of the card: facts of the records, and what people have to write.

    Attributes
    ----------
    title : str
    facts, statements : tuple of str
        Keys.
    """

    title: str
    facts: tuple[str, ...]
    statements: tuple[str, ...] = ()


PARTS = (
    Part("Model", ("model", "ensemble", "software", "code")),
    Part("Intended use", (), ("intended_use", "users")),
    Part("Factors", ("fairness",), ("inequalities", "demographics")),
    Part("Measures", ("metrics", "output", "uncertainty")),
    Part("Training data", ("data", "partition", "characteristics"), ("data_sources",)),
    Part("Evaluation data", ("internal", "external"), ("reference_standard",)),
    Part("Results", ("performance", "shown")),
    Part("Ethics", (), ("ethics",)),
    Part("Limits", ("limits", "poor_input"), ("limitations",)),
)
RESEARCH = "Research use only. Not for clinical decisions."


def card(facts: Mapping[str, str], statements: Mapping[str, str]) -> list[tuple[str, list[str]]]:
    """Return the parts of the card, each with its paragraphs."""
    found = []
    for part in PARTS:
        texts = [facts[key] for key in part.facts if facts[key]]
        if part.facts and not texts:
            texts = [NO_RECORD.capitalize() + "."]
        for key in part.statements:
            words = key.replace("_", " ").capitalize()
            texts.append(f"{words}: {statements.get(key, NOT_STATED)}")
        found.append((part.title, [RESEARCH, *texts] if part.title == "Intended use" else texts))
    return found


def as_markdown(title: str, parts: Sequence[tuple[str, Sequence[str]]], warning: str = "") -> str:
    """Return the card as Markdown, below a warning if there is one."""
    lines = [f"# Model card: {title}", "", *([f"**{warning}**", ""] if warning else [])]
    for heading, texts in parts:
        lines += [f"## {heading}", ""]
        for text in texts:
            lines += [text, ""]
    return "\n".join(lines)
