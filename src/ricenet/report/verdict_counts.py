"""Counts of patients in words, for the box: of few patients, and of one answer for all."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from ricenet.report.page import inputs_of
from ricenet.report.results import headline, recognised
from ricenet.report.sentence import USELESS, Sentence
from ricenet.statistics import wording

Row = Mapping[str, Any]
DOSE_MAP = "dose"  # the dose map as combinations call it
SETS = {"validation": "In cross-validation of training patients", "test": "On test patients"}


def counts_of(
    ablations: Mapping[str, Row], of: str, pair: tuple[int, int], main: str, simpler: str
) -> str:
    """Give counts, of which nothing is estimated."""
    own = headline(ablations[main], of)
    n, rice = sum(pair), pair[0]
    if all_alike := same_for_all(ablations, of):
        return f"{SETS[of]}, {all_alike}: {recognised(own, pair)}, {own['right']}. {_few(pair)}"
    if own["constant"] and min(pair):
        answers = f"{recognised(own, pair)}, because the network {own['constant']}"
    elif own["constant"]:
        only = "RICE" if rice else "recurrence"
        answers = f"{own['right']}; all of them have {only}, and the network {own['constant']}"
    else:
        answers = f"{own['right']} ({rice} RICE{_compatible(own, n)})"
    beside = [_correct(headline(one, of)) for name, one in ablations.items() if name != main]
    if beside:
        answers += f"; the other inputs have {span_of(beside)} of {n} right"
    return f"{SETS[of]}, {inputs_of(main)}: {answers}{simpler}. {_few(pair)}"


def same_for_all(ablations: Mapping[str, Row], of: str) -> str:
    """Say that every input combination gives everybody the same answer; empty where one does not.

    They are then one result: no order, and no other figure.
    """
    calls = {headline(one, of)["constant"] for one in ablations.values()}
    if len(ablations) < 2 or len(calls) > 1 or not (words := calls.pop()):
        return ""
    return f"all {len(ablations)} input combinations {words.replace('classifies', 'classify', 1)}"


def _compatible(own: Row, n: int) -> str:
    """Return the lower limit beside answers that are all right, which look like more than it."""
    low = number_of(own.get("pooled", own)["macro_f1"]["low"])
    right = _correct(own) == n and not math.isnan(low)
    return f"; compatible with a macro F1 of {wording.number(low, n)}" if right else ""


def _few(pair: tuple[int, int]) -> str:
    words = {
        0: "there is no patient of one class: no performance can be estimated",
        1: "1 patient of the smaller class is too few: no performance is estimated from these",
    }.get(
        min(pair),
        f"{min(pair)} patients of the smaller class are too few: no performance is estimated from "
        "these",
    )
    return f"{words[0].upper()}{words[1:]}."


def span_of(counts: Sequence[int]) -> str:
    """Return counts as a range."""
    low, high = min(counts), max(counts)
    return f"{low}" if low == high else f"{low} to {high}"


def _correct(own: Row) -> int:
    return int(own["confusion"]["true_positive"] + own["confusion"]["true_negative"])


def of_one_answer(
    ablations: Mapping[str, Row], of: str, pair: tuple[int, int], main: str, plan: str
) -> Sentence:
    """Say that everybody gets the same answer, by all input combinations where they all do."""
    own = headline(ablations[main], of)
    who = same_for_all(ablations, of) or f"{inputs_of(main)}: the network {own['constant']}"
    text = f"{SETS[of]}, as used (threshold 0.5), {who}; {recognised(own, pair)}, {own['right']}."
    return Sentence(text, USELESS, f"n = {sum(pair)}, {pair[0]} RICE; counts", plan)


def with_kinds(main: str) -> str:
    """Return an input combination, saying so where images and the dose map are given together."""
    channels = main.split("-")
    both = DOSE_MAP in channels and len(channels) > 1
    return f"{inputs_of(main)}{' (images and dose map)' if both else ''}"


def number_of(value: Any) -> float:
    """Return a figure of a table; what is missing is NaN."""
    return float(value) if value not in (None, "") else math.nan
