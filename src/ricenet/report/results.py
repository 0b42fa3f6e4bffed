"""Results as the report shows them: which figure stands for a set, and what it is held against."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from ricenet.config.analysis_plan import ENSEMBLES
from ricenet.evaluate import contrasts, describe_cohort
from ricenet.statistics import exact, wording
from ricenet.statistics.methods import FEWEST

Row = Mapping[str, Any]
FEWEST_TO_ESTIMATE = FEWEST  # of each class; with less the page says that nothing can be estimated
SETS = ("validation", "test")


class Answered(NamedTuple):
    """All predictions of a cohort.

    Attributes
    ----------
    table : DataFrame
        One row an input combination and subject, see ``describe_cohort.answers_of``.
    sets : dict of str to Answers
        The same by set, to compute with.
    """

    table: pd.DataFrame
    sets: dict[str, contrasts.Answers]


def answered(validation: pd.DataFrame, test: pd.DataFrame) -> Answered:
    """Gather checked predictions."""
    sets = {"validation": contrasts.out_of_fold(validation)}
    if len(test):
        sets["test"] = contrasts.of_ensembles(test)
    return Answered(describe_cohort.answers_of(validation, test), sets)


def class_sizes(result: Row) -> tuple[int, int]:
    """Return the numbers of RICE and recurrence behind a result."""
    found = result["confusion"]
    positive = found["true_positive"] + found["false_negative"]
    return positive, found["true_negative"] + found["false_positive"]


def constant(rice: int, recurrence: int) -> tuple[str, float]:
    """Return the better of two classifiers that look at nothing, and its macro F1."""
    n = rice + recurrence
    one, other = np.array(1.0), np.array(0.0)
    answers = ((wording.ALL_RECURRENCE, other, one), (wording.ALL_RICE, one, other))
    values = [
        (words, float(exact.macro_f1(found, spared, rice / n)))  # rounded as all figures are
        for words, found, spared in answers
    ]
    return max(values, key=lambda pair: pair[1])


def recognised(own: Row, pair: tuple[int, int]) -> str:
    """Return the class of which nobody is recognised where all get the same answer."""
    if own["constant"] == wording.ALL_RICE:
        return f"0 of {pair[1]} recurrences recognised"
    return f"0 of {pair[0]} RICE recognised"


def with_ensemble(summary: Row) -> dict[str, Row]:
    """Return results by input combination, with the ensemble that answers for test patients.

    That of the analysis plan; without a plan the majority vote, as in the publication.
    """
    plan = (summary.get("test_set") or {}).get("plan") or {}
    words = ENSEMBLES[plan.get("ensemble", "vote")]
    return {
        name: {**result, "test": {**result["test"], "ensemble": words}}
        for name, result in summary.get("ablations", {}).items()
    }


def ensemble(result: Row) -> str:
    """Return how an ensemble answers for test patients, as ``metrics.tsv`` calls it."""
    return str(result["test"].get("ensemble", ENSEMBLES["vote"]))


def headline(result: Row, of: str) -> Row:
    """Return the part of a combination's summary that stands for a set."""
    if of == "validation":
        return result["validation"]
    return result["test"][ensemble(result).replace(" ", "_")]


def sizes(ablations: Mapping[str, Row]) -> dict[str, tuple[int, int]]:
    """Return RICE and recurrence of each set that has patients."""
    if not ablations:
        return {}
    first = next(iter(ablations.values()))
    found = {of: class_sizes(headline(first, of)) for of in SETS}
    return {of: pair for of, pair in found.items() if sum(pair)}


def too_few(ablations: Mapping[str, Row]) -> dict[str, int]:
    """Return the sets of which nothing can be estimated, with the patients of the smaller class.

    The one gate of all sections: what the page shows of these sets is grey and has no p value.
    """
    return {
        of: min(pair) for of, pair in sizes(ablations).items() if min(pair) < FEWEST_TO_ESTIMATE
    }


def same_call(row: Row, ablations: Mapping[str, Row]) -> str:
    """Return why a contrast compares nothing: both give everybody the same answer; else empty."""
    names = [row[k] for k in ("first", "second")]
    if not ablations.keys() >= set(names):
        return ""
    found = [headline(ablations[name], row["set"]) for name in names]
    calls = [one["constant"] for one in found]
    return "same call for all" if all(calls) and len(set(calls)) == 1 else ""


def best_probe(probes: Sequence[Row], of: str) -> Row | None:
    """Return the row of a set of the probe with the largest area on validation patients."""
    made = [r for r in probes if not r["note"] and r["kind"] != "control"]
    ranked = [r for r in made if r["set"] == "validation"]
    if not ranked:
        return None
    best = max(ranked, key=lambda r: float(r["auc"]))
    own = [
        r
        for r in made
        if r["set"] == of and (r["group"], r["model"]) == (best["group"], best["model"])
    ]
    return own[0] if own else None
