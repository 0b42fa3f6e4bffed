"""The box on page one: what can be said, and what cannot, in sentences that the tables write.

A sentence is *shown* where an interval or a test decides it, *not shown* where it does not, and
*cannot be shown* where so few patients could not have decided it; *not made* is what nobody ran.
Each has its patients, its interval, its method, and whether it was planned.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ricenet.report.controls import controls
from ricenet.report.results import (
    FEWEST_TO_ESTIMATE,
    constant,
    headline,
    inputs_of,
    sizes,
)
from ricenet.report.sentence import IMPOSSIBLE, NO_PLAN, NOT_MADE, NOT_SHOWN, SHOWN, Sentence, mark
from ricenet.report.test_openings import test_openings
from ricenet.report.verdict_checks import of_leaks, of_openings, of_permutations
from ricenet.report.verdict_probes import of_probes
from ricenet.statistics import wording

Row = Mapping[str, Any]
SETS = {"validation": "On training patients, out of fold", "test": "On test patients"}
WAYS = {"validation": "of these models and these patients", "test": "majority vote"}


def sentences(
    summary: Row,
    metrics: Sequence[Row],
    tables: Mapping[str, Sequence[Row]],
    main: str,
    *,
    mapped: bool = False,
) -> list[Sentence]:
    """Return all sentences about an evaluated cohort.

    Parameters
    ----------
    summary, metrics : dict and sequence of dict
        Contents of ``metrics.json`` and ``metrics.tsv``.
    tables : mapping of str to rows
        Further tables by kind of file; a kind that is not there was not made.
    main : str
        Input combination to the fore.
    mapped : bool
        There are occlusion maps.
    """
    ablations = summary["ablations"]
    known = sizes(ablations)
    found = []
    for of, pair in known.items():
        found += _of_set(ablations[main], of, pair, main, _row(metrics, main, of))
    found.append(of_openings(test_openings(summary)))
    pairs = summary.get("contrasts", [])
    for of in known:
        found += _of_contrasts([row for row in pairs if row["set"] == of], of)
    found.append(of_probes(tables, main))
    found += [*of_leaks(tables), *of_permutations(controls(tables))]
    if mapped:
        text = "What networks look at: maps were not held against those of untrained networks."
        found.append(Sentence(text, NOT_MADE))
    text = "Other hospitals, scanners and labels: not tested. No figure here is about them."
    return [*found, Sentence(text, NOT_MADE)]


def _row(metrics: Sequence[Row], ablation: str, of: str) -> Row | None:
    """Return the row of the headline figure."""
    aggregate = "pooled" if of == "validation" else "majority vote"
    wanted = (ablation, of, aggregate, "last", "macro_f1")
    keys = ("ablation", "set", "aggregate", "which", "metric")
    return next((row for row in metrics if tuple(row[k] for k in keys) == wanted), None)


def _of_set(
    result: Row, of: str, pair: tuple[int, int], main: str, row: Row | None
) -> list[Sentence]:
    own = headline(result, of)
    figures = own["pooled"] if of == "validation" else own
    f1, n = figures["macro_f1"], sum(pair)
    numbers = f"macro F1 {wording.estimate(f1['value'], f1['low'], f1['high'], n)}"
    answers = f"the network {own['constant']}" if own["constant"] else own["right"]
    method = f"n = {n}, {pair[0]} RICE; interval: {f1['method']}; {WAYS[of]}"
    start = f"{SETS[of]}, {inputs_of(main)}"
    if min(pair) < FEWEST_TO_ESTIMATE:
        limits = wording.interval(f1["low"], f1["high"], n)
        text = (
            f"{SETS[of]}: {min(pair)} patients of the smaller class are too few to estimate "
            f"anything. {answers[:1].upper()}{answers[1:]}"
        )
        text += (
            "; without both classes no figure says more."
            if limits == wording.NO_INTERVAL
            else f", which is compatible with a macro F1 of {limits}."
        )
        return [Sentence(text, IMPOSSIBLE, method, mark(row))]
    words, value = constant(*pair)
    better = _beats(own, of, value)
    versus = f"a classifier that {words} has {wording.number(value, n)}"
    text = f"{start}: {answers}, {numbers}; {versus}."
    found = [Sentence(text, SHOWN if better else NOT_SHOWN, method, mark(row))]
    if not better:
        found[0] = found[0]._replace(
            text=f"{text} That the network is better than such a classifier is not shown."
        )
    if of == "validation":
        found.append(_new_study(own, n, mark(row)))
    return found


def _beats(own: Row, of: str, value: float) -> bool:
    """Return whether a result is above that of a constant classifier, also for a new study.

    The interval of out-of-fold answers leaves out what another training would change.
    """
    if of == "test":
        return float(own["macro_f1"]["low"]) > value
    again = own["macro_f1_new_study"]["low"]
    return again is not None and min(float(again), float(own["pooled"]["macro_f1"]["low"])) > value


def _new_study(own: Row, n: int, plan: str) -> Sentence:
    limits = own["macro_f1_new_study"]
    if limits["low"] is None:
        text = "What a new study of this size would find: not made; too few folds, or all alike."
        return Sentence(text, NOT_MADE)
    shown = wording.interval(limits["low"], limits["high"], n)
    text = "A new study of this size, with its own patients and trainings, would find a macro F1 of"
    return Sentence(f"{text} {shown}.", NOT_SHOWN, f"n = {n}; Nadeau-Bengio", plan)


def _signed(p_value: str) -> str:
    """Return a p value with the sign that it lacks."""
    return p_value if p_value.startswith(("<", ">")) else f"= {p_value}"


def _of_contrasts(rows: Sequence[Row], of: str) -> list[Sentence]:
    """Say what the contrasts of one set decide, all those that decide nothing in one sentence."""
    if not rows:
        return [] if of == "test" else [Sentence("Contrasts of inputs: not made.", NOT_MADE)]
    n = int(rows[0]["n"])
    method = f"n = {n}; Tango's interval, exact McNemar, max-T over {len(rows)} contrasts"
    found = []
    for row in rows:
        if row["verdict"] == SHOWN:
            text = (
                f"{SETS[of]}, {inputs_of(row['first'])} and {inputs_of(row['second'])} differ in "
                "accuracy by "
                f"{wording.estimate(row['difference'], row['low'], row['high'], n)}, "
                f"p {_signed(wording.p_value(row['p_max_t']))} for all {len(rows)} contrasts."
            )
            found.append(Sentence(text, SHOWN, method, mark(row)))
    open_rows = [row for row in rows if row["verdict"] != SHOWN]
    if not open_rows:
        return found
    impossible = all(str(row["verdict"]).startswith(IMPOSSIBLE) for row in open_rows)
    tone = IMPOSSIBLE if impossible else NOT_SHOWN
    which = "None" if not found else "None of the others"
    word = "can be decided on so few patients" if impossible else "is shown"
    text = (
        f"{SETS[of]} (n = {n}): {len(open_rows)} of {len(rows)} contrasts between inputs are open. "
    )
    text += f"{which} {word}; the order of the inputs says nothing."
    marks = "; ".join(dict.fromkeys(mark(row) for row in open_rows))
    return [*found, Sentence(text, tone, method, marks)]


def box(found: Sequence[Sentence]) -> dict[str, Any]:
    """Return the sentences as the page shows them: what can be said, then what cannot."""
    plans = {sentence.plan for sentence in found if sentence.plan}
    return {
        "can": [s for s in found if s.tone == SHOWN],
        "cannot": [s for s in found if s.tone != SHOWN],
        "without_plan": plans <= {NO_PLAN},
    }
