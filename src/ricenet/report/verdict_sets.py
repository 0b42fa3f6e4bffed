"""Sentences of the box about the patients of one set: the network beside who looks at nothing."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from scipy.stats import binomtest

from ricenet.evaluate.contrasts import OUT_OF_FOLD_LEVEL
from ricenet.report.page import inputs_of
from ricenet.report.results import (
    FEWEST_TO_ESTIMATE,
    constant,
    ensemble,
    headline,
)
from ricenet.report.sentence import (
    IMPOSSIBLE,
    INTERVAL,
    NOT_SHOWN,
    SHOWN,
    Sentence,
    mark,
)
from ricenet.report.verdict_counts import SETS, counts_of, number_of, of_one_answer, with_kinds
from ricenet.statistics import guessing, roc, wording

Row = Mapping[str, Any]
RANKS = "the network's probabilities rank RICE above recurrence"
ALL = {wording.ALL_RECURRENCE: "recurrence", wording.ALL_RICE: "RICE"}
TEST_LEVEL = 0.05
NO_METHOD = "not made: too few folds, or all alike"


def level(of: str) -> float:
    """Return the p at which a figure of a set is shown; tests out of fold reject too often."""
    return OUT_OF_FOLD_LEVEL if of == "validation" else TEST_LEVEL


def row_of(
    metrics: Sequence[Row], ablation: str, of: str, aggregate: str, metric: str = "macro_f1"
) -> Row | None:
    """Return the row of a figure of the last epoch."""
    wanted = (ablation, of, aggregate, "last", metric)
    keys = ("ablation", "set", "aggregate", "which", "metric")
    return next((row for row in metrics if tuple(row[k] for k in keys) == wanted), None)


def of_set(
    ablations: Mapping[str, Row],
    of: str,
    pair: tuple[int, int],
    main: str,
    metrics: Sequence[Row],
    simpler: str = "",
) -> list[Sentence]:
    """Say how a network stands beside who gives everybody the same answer, or guesses.

    Three questions, three sentences: are more patients right, is macro F1 above that of guessing,
    do the probabilities rank.

    Parameters
    ----------
    ablations : mapping of str to mapping
        Summaries by input combination.
    pair : (int, int)
        RICE and recurrence of the set.
    main : str
        Input combination that is spoken of.
    metrics : sequence of dict
        Rows of ``metrics.tsv``, for marks and for intervals of the method.
    simpler : str
        How a simpler model ranks the same patients, as a sentence.
    """
    result = ablations[main]
    own = headline(result, of)
    aggregate = "pooled" if of == "validation" else ensemble(result)
    plan = mark(row_of(metrics, main, of, aggregate))
    if min(pair) < FEWEST_TO_ESTIMATE:
        method = f"n = {sum(pair)}, {pair[0]} RICE; counts"
        return [Sentence(counts_of(ablations, of, pair, main, simpler), IMPOSSIBLE, method, plan)]
    found = [of_one_answer(ablations, of, pair, main, plan)] if own["constant"] else [
        _right(own, of, pair, main, plan), _macro_f1(own, of, pair, plan),
    ]  # fmt: skip
    new_study = row_of(metrics, main, of, "fold mean", "auc")
    return [*found, _ranking(ablations, main, of, pair, new_study, plan, simpler)]


def _right(own: Row, of: str, pair: tuple[int, int], main: str, plan: str) -> Sentence:
    """Say whether more patients are right than by the same answer for all: one measure twice."""
    words, _ = constant(*pair)
    gained, lost = _changes(own["confusion"], words)
    others = pair[1] if ALL[words] == "recurrence" else pair[0]
    p = accuracy_p(own["confusion"], words)
    shown = gained > lost and p <= level(of)
    text = (
        f"{SETS[of]}, {inputs_of(main)}: {own['right']}, and {others} if all are called "
        f"{ALL[words]} ({gained} gained, {lost} lost, p {signed(wording.p_value(p))}). "
        + ("More patients are right." if shown else "That more patients are right is not shown.")
    )
    method = f"n = {sum(pair)}, {pair[0]} RICE; exact McNemar; shown at p of {level(of):g}"
    return Sentence(text, SHOWN if shown else NOT_SHOWN, method, plan)


def _macro_f1(own: Row, of: str, pair: tuple[int, int], plan: str) -> Sentence:
    """Say whether macro F1 is above that of guessing, for these models and for the method."""
    n, (words, value) = sum(pair), constant(*pair)
    f1 = (own["pooled"] if of == "validation" else own)["macro_f1"]
    limits = wording.interval(f1["low"], f1["high"], n)
    method = f"n = {n}, {pair[0]} RICE; {f1['method']}"
    if of == "validation":
        again = own["macro_f1_new_study"]
        new = wording.interval(again["low"], again["high"], n) if again["low"] is not None else (
            NO_METHOD
        )  # fmt: skip
        limits = f"these models and patients {limits}; the method {new}"
        method += "; the method's mean in studies of this size: Nadeau-Bengio, no narrower"
    text = (
        f"{SETS[of]}: macro F1 {wording.number(f1['value'], n)} ({limits}); all "
        f"{ALL[words]} {wording.number(value, n)}, guessing {guessing.BEST_GUESS:.2f} at best."
    )
    better = beats(own, of, n)
    if not better:
        one = of == "validation" and float(f1["low"]) > guessing.bar(n)
        text += " That it is above guessing is not shown" + (" for the method." if one else ".")
    both = "both lower limits lie" if of == "validation" else "the lower limit lies"
    method += f"; shown, if {both} above {guessing.BEST_GUESS:g} by more than one patient weighs"
    return Sentence(text, SHOWN if better else NOT_SHOWN, method, plan)


def _changes(confusion: Row, words: str) -> tuple[int, int]:
    """Return how many patients a network gains and loses beside a constant answer."""
    if ALL[words] == "recurrence":
        return int(confusion["true_positive"]), int(confusion["false_positive"])
    return int(confusion["true_negative"]), int(confusion["false_negative"])


def accuracy_p(confusion: Row, words: str) -> float:
    """Return the exact p of McNemar of a network against a constant answer."""
    gained, lost = _changes(confusion, words)
    return float(binomtest(gained, gained + lost).pvalue) if gained + lost else 1.0


def beats(own: Row, of: str, n: int) -> bool:
    """Return whether a result is above the best guess, also for a new study.

    The interval of out-of-fold answers leaves out what another training would change.
    """
    if own["constant"]:
        return False
    if of == "test":
        return float(own["macro_f1"]["low"]) > guessing.bar(n)
    again = own["macro_f1_new_study"]["low"]
    lows = [again, own["pooled"]["macro_f1"]["low"]]
    return again is not None and min(map(float, lows)) > guessing.bar(n)


def _ranking(
    ablations: Mapping[str, Row],
    main: str,
    of: str,
    pair: tuple[int, int],
    new_study: Row | None,
    plan: str,
    simpler: str,
) -> Sentence:
    """Say whether probabilities rank patients; where all get the same answer it is no success.

    The interval alone does not decide: out of fold it covers less than its nominal level.
    """
    result, n = ablations[main], sum(pair)
    own = headline(result, of)
    out_of_fold = of == "validation"
    area = own["within_folds"]["auc"] if out_of_fold else result["test"]["mean_probability"]["auc"]
    limits = wording.interval(area["low"], area["high"], n)
    lows = [number_of(area["low"])]
    if out_of_fold:
        again = new_study or {}
        made = not math.isnan(number_of(again.get("low")))
        shown_again = wording.interval(again["low"], again["high"], n) if made else NO_METHOD
        limits = f"these models and patients {limits}; the method {shown_again}"
        lows.append(number_of(again.get("low")))
    p = roc.p_by_chance(float(area["value"]), [pair])
    ranks = all(low > 0.5 for low in lows) and p <= level(of)
    words = "AUC within folds" if out_of_fold else "AUC of the mean probability"
    figure = f"{words} {wording.number(area['value'], n)} ({limits})"
    method, given = f"n = {n}; {area['method']}", with_kinds(main)
    if own["constant"]:
        text = f"{given}, the network's probabilities: {figure}: described, not counted as shown, "
        text += f"as its calls at 0.5 make no use of how they rank.{simpler}"
        return Sentence(f"{SETS[of]}, {text}", INTERVAL if ranks else NOT_SHOWN, method, plan)
    figure += f", p {signed(wording.p_value(p))} by chance"
    text = f"{RANKS}: {figure}." if ranks else f"that {RANKS} is not shown: {figure}."
    method += f"; shown, if all lower limits lie above 0.5 and p by chance is at most {level(of):g}"
    tone = SHOWN if ranks else NOT_SHOWN
    return Sentence(f"{SETS[of]}, {given}: {text}{simpler}", tone, method, plan)


def signed(p_value: str) -> str:
    """Return a p value with the sign that it lacks."""
    return p_value if p_value.startswith(("<", ">")) else f"= {p_value}"
