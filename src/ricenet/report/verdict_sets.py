"""Sentences of the box about the patients of one set: the network beside a constant classifier."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from scipy.stats import binomtest

from ricenet.evaluate.contrasts import OUT_OF_FOLD_LEVEL
from ricenet.report.page import inputs_of
from ricenet.report.results import FEWEST_TO_ESTIMATE, constant, ensemble, headline
from ricenet.report.sentence import (
    IMPOSSIBLE,
    INTERVAL,
    NOT_MADE,
    NOT_SHOWN,
    SHOWN,
    Sentence,
    mark,
)
from ricenet.statistics import roc, wording

Row = Mapping[str, Any]
SETS = {"validation": "On training patients, out of fold", "test": "On test patients"}
RULES = {
    "validation": "shown, if the lower limits of both intervals of macro F1 lie above the constant",
    "test": "shown, if the lower limit of macro F1 lies above the constant",
}
ALL = {"calls everybody recurrence": "recurrence", "calls everybody RICE": "RICE"}


def row_of(metrics: Sequence[Row], ablation: str, of: str, result: Row) -> Row | None:
    """Return the row of the headline figure."""
    aggregate = "pooled" if of == "validation" else ensemble(result)
    wanted = (ablation, of, aggregate, "last", "macro_f1")
    keys = ("ablation", "set", "aggregate", "which", "metric")
    return next((row for row in metrics if tuple(row[k] for k in keys) == wanted), None)


def of_set(
    result: Row, of: str, pair: tuple[int, int], main: str, row: Row | None, confidence: float
) -> list[Sentence]:
    """Say how the network stands beside a classifier that gives everybody the same answer.

    Parameters
    ----------
    result : mapping
        Summary of one input combination.
    pair : (int, int)
        RICE and recurrence of the set.
    row : mapping or None
        Of the headline figure in ``metrics.tsv``, for its mark.
    """
    own = headline(result, of)
    f1, n = (own["pooled"] if of == "validation" else own)["macro_f1"], sum(pair)
    way = "of these models and these patients" if of == "validation" else ensemble(result)
    method = f"n = {n}, {pair[0]} RICE; interval: {f1['method']}; {way}"
    if min(pair) < FEWEST_TO_ESTIMATE:
        return [Sentence(_too_few(own, f1, of, pair), IMPOSSIBLE, method, mark(row))]
    words, value = constant(*pair)
    better = beats(own, of, value)
    again = ""
    if of == "validation" and own["macro_f1_new_study"]["low"] is not None:
        limits = own["macro_f1_new_study"]
        again = f", mean over studies {wording.interval(limits['low'], limits['high'], n)}"
    text = (
        f"{SETS[of]}, {inputs_of(main)}: {_counts(own, words, pair)}; macro F1 "
        f"{wording.estimate(f1['value'], f1['low'], f1['high'], n)}{again}; constant "
        f"{wording.number(value, n)}."
    )
    if not better:
        text += " That the network is better than such a classifier is not shown."
    elif accuracy_p(own["confusion"], words) > 0.05:
        text += " Better in macro F1; that more patients are right is not shown."
    tone = SHOWN if better else NOT_SHOWN
    found = [Sentence(text, tone, f"{method}; {RULES[of]}; p: exact McNemar", mark(row))]
    if of == "validation":
        found += [*_ranking(own, pair, mark(row)), _of_studies(own, n, mark(row), confidence)]
    return found


def _too_few(own: Row, f1: Row, of: str, pair: tuple[int, int]) -> str:
    limits = wording.interval(f1["low"], f1["high"], sum(pair))
    answers = f"The network {own['constant']}" if own["constant"] else own["right"]
    few = {
        0: "there is no patient of one class: nothing can be estimated",
        1: "1 patient of the smaller class is too few to estimate anything",
    }.get(min(pair), f"{min(pair)} patients of the smaller class are too few to estimate anything")
    text = f"{SETS[of]}: {few}. {answers}"
    if limits == wording.NO_INTERVAL:
        return f"{text}; without both classes no figure says more."
    return f"{text}, which is compatible with a macro F1 of {limits}."


def _changes(confusion: Row, words: str) -> tuple[int, int]:
    """Return how many patients a network gains and loses beside a constant answer."""
    if ALL[words] == "recurrence":
        return int(confusion["true_positive"]), int(confusion["false_positive"])
    return int(confusion["true_negative"]), int(confusion["false_negative"])


def accuracy_p(confusion: Row, words: str) -> float:
    """Return the exact p of McNemar of a network against a constant answer."""
    gained, lost = _changes(confusion, words)
    return float(binomtest(gained, gained + lost).pvalue) if gained + lost else 1.0


def _counts(own: Row, words: str, pair: tuple[int, int]) -> str:
    """Return the right answers beside those of the constant classifier: the same measure twice."""
    if own["constant"]:
        return f"the network {own['constant']}"
    right = pair[1] if ALL[words] == "recurrence" else pair[0]
    gained, lost = _changes(own["confusion"], words)
    p = signed(wording.p_value(accuracy_p(own["confusion"], words)))
    return (
        f"{own['right']} ({right} if all are called {ALL[words]}; {gained} gained, {lost} lost, "
        f"p {p})"
    )


def beats(own: Row, of: str, value: float) -> bool:
    """Return whether a result is above that of a constant classifier, also for a new study.

    The interval of out-of-fold answers leaves out what another training would change.
    """
    if of == "test":
        return float(own["macro_f1"]["low"]) > value
    again = own["macro_f1_new_study"]["low"]
    return again is not None and min(float(again), float(own["pooled"]["macro_f1"]["low"])) > value


def _ranking(own: Row, pair: tuple[int, int], plan: str) -> list[Sentence]:
    """Say that a network ranks patients where its threshold hides it: all answers are alike.

    The interval alone does not decide: out of fold it covers less than its nominal level.
    """
    area, n = own["within_folds"]["auc"], sum(pair)
    if not own["constant"] or area["low"] is None or float(area["low"]) <= 0.5:
        return []
    if roc.p_by_chance(float(area["value"]), [pair]) > OUT_OF_FOLD_LEVEL:
        return []
    shown = wording.estimate(area["value"], area["low"], area["high"], n)
    text = (
        f"The network ranks patients (AUC within folds {shown}), but at 0.5 it {own['constant']}: "
        "see the thresholds."
    )
    method = (
        f"n = {n}; interval: {area['method']}; shown, if it lies above 0.5 and p by chance is at "
        f"most {OUT_OF_FOLD_LEVEL:g}"
    )
    return [Sentence(text, SHOWN, method, plan)]


def _of_studies(own: Row, n: int, plan: str, confidence: float) -> Sentence:
    """Give the interval for the mean that the method would have over studies; no prediction."""
    limits = own["macro_f1_new_study"]
    if limits["low"] is None:
        text = "Interval for the method's mean in studies of this size: "
        return Sentence(f"{text}not made; too few folds, or all alike.", NOT_MADE)
    shown = wording.interval(limits["low"], limits["high"], n)
    text = (
        f"{100 * confidence:g} % interval for the method's mean in studies of this size, with "
        f"their own patients and trainings: macro F1 {shown}."
    )
    method = f"n = {n}; Nadeau-Bengio, widened to the pooled interval where it is narrower"
    return Sentence(text, INTERVAL, method, plan)


def signed(p_value: str) -> str:
    """Return a p value with the sign that it lacks."""
    return p_value if p_value.startswith(("<", ">")) else f"= {p_value}"
