"""Sentences of the box about the study itself: its test set, and what could have leaked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ricenet.report.label_provenance import label_provenance
from ricenet.report.sentence import NOT_MADE, NOT_SHOWN, SHOWN, Sentence

Row = Mapping[str, Any]


def of_openings(openings: Row) -> Sentence:
    """Say whether the test set is locked, or was opened as it was planned."""
    tone = SHOWN if openings["as_planned"] else NOT_SHOWN
    if not openings["openings"] and openings["state"] != "opened without a plan":
        tone = NOT_MADE
    return Sentence(openings["sentences"][0].after("Test set"), tone)


def of_training(*, trained: bool) -> Sentence:
    """Say what no record shows of how the networks came to be, on which all out of fold rests.

    Parameters
    ----------
    trained : bool
        There are records of trainings, which name the patients of each.
    """
    kept = "" if trained else "training kept to the folds, and whether "
    return Sentence(
        f"Whether {kept}settings were chosen on these patients: not on record.", NOT_MADE
    )


def of_permutations(found: Row) -> list[Sentence]:
    """Say what permuted labels found: each leak, or that nobody permuted any."""
    if not found["permuted"]:
        return [Sentence("Whether permuted labels are predicted, too: not made.", NOT_MADE)]
    return [Sentence(text, NOT_SHOWN) for text in found["sentences"] if found["leak"]]


def of_labels(tables: Mapping[str, Sequence[Row]]) -> list[Sentence]:
    """Say so where nothing states how the labels are known."""
    if label_provenance(tables)["stated"]:
        return []
    return [Sentence("How the labels are known: not stated.", NOT_MADE)]


def of_leaks(tables: Mapping[str, Sequence[Row]]) -> list[Sentence]:
    """Say what was found that could have leaked."""
    if "near_duplicates" not in tables:
        return [Sentence("Whether two ids are one person: not made.", NOT_MADE)]
    alike = [row for row in tables["near_duplicates"] if row["alike"] == "yes"]
    if not alike:
        return []
    text = f"{len(alike)} pairs of ids look like one person each: look at them first."
    return [Sentence(text, NOT_SHOWN, f"of {len(tables['near_duplicates'])} pairs looked at")]
