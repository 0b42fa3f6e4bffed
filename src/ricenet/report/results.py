"""Results as the report shows them: panels of the forest plot, answers by patient, ROC curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from markupsafe import Markup

from ricenet.config.analysis_plan import ENSEMBLES
from ricenet.evaluate import contrasts, describe_cohort
from ricenet.report import patient_plots, plots, result_plots
from ricenet.report.page import inputs_of, set_words
from ricenet.report.result_plots import Line, Panel
from ricenet.report.svg import TEAL
from ricenet.statistics import exact, roc, wording
from ricenet.statistics.methods import FEWEST

Row = Mapping[str, Any]
FEWEST_TO_ESTIMATE = FEWEST  # of each class; with less the page says that nothing can be estimated
HOLLOW_BELOW = 30
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
    answers = (("calls everybody recurrence", other, one), ("calls everybody RICE", one, other))
    values = [
        (words, float(exact.macro_f1(found, spared, rice / n)))  # rounded as all figures are
        for words, found, spared in answers
    ]
    return max(values, key=lambda pair: pair[1])


def recognised(own: Row, pair: tuple[int, int]) -> str:
    """Return the class of which nobody is recognised where all get the same answer."""
    if own["constant"] == "calls everybody RICE":
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


def _line(ablation: str, result: Row, of: str, *, estimated: bool) -> Line:
    own = headline(result, of)
    name = inputs_of(ablation)
    if of == "test":
        beside = result["test"]["published"] if estimated else None
        return Line(name, own["macro_f1"], beside)
    limits = own["macro_f1_new_study"]
    band = (limits["low"], limits["high"]) if limits["low"] is not None else None
    folds = [value for value in own["macro_f1_folds"] if value is not None]
    return Line(
        name, own["pooled"]["macro_f1"], own["published"] if estimated else None, band, folds
    )


def panels(ablations: Mapping[str, Row], probes: Sequence[Row]) -> list[Panel]:
    """Return the panels of the main forest plot, one a set that has patients."""
    found, few = [], too_few(ablations)
    for of, pair in sizes(ablations).items():
        n = sum(pair)
        lines = [
            _line(name, result, of, estimated=of not in few) for name, result in ablations.items()
        ]
        probe = best_probe(probes, of)
        nothing = {"value": None, "low": None, "high": None, "n": n, "method": ""}
        own = nothing if probe is None else {
            "value": float(probe["macro_f1"]), "low": probe["macro_f1_low"],
            "high": probe["macro_f1_high"], "n": probe["n"], "method": "exact",
        }  # fmt: skip
        lines.append(Line("no network: best probe", own, colour=TEAL))
        way = "out of fold" if of == "validation" else ensemble(next(iter(ablations.values())))
        title = f"{set_words(of)}, {way}: n = {n}, {pair[0]} RICE"
        if of in few:
            title += "; too few to estimate"
        line = constant(*pair) if min(pair) else None
        found.append(Panel(title, lines, line, n < HOLLOW_BELOW, of in few))
    return found


def figures(
    ablations: Mapping[str, Row],
    pairs: Sequence[Row],
    probes: Sequence[Row],
    thresholds: Sequence[Row],
    given: Answered | None,
    *,
    main: str,
    confidence: float,
) -> dict[str, Markup]:
    """Return the plots of the results, those that there is something to draw for.

    Parameters
    ----------
    main : str
        Input combination to the fore.
    """
    if not ablations:
        return {}
    found = {"forest": result_plots.forest(panels(ablations, probes), name="forest", alt=(
        "Macro F1 of each input combination with its interval, beside a constant classifier, the "
        "best probe and what is published; the same numbers stand in the tables below"
    ))}  # fmt: skip
    if pairs:
        found["contrasts"] = result_plots.contrasts(pairs, name="contrasts", alt=(
            "Differences of accuracy between input combinations with intervals; the same numbers "
            "stand in the table below"
        ))  # fmt: skip
    if given is None:
        return found
    found |= _of_patients(given, thresholds, main)
    few = too_few(ablations)
    both = {
        of: a for of, a in given.sets.items()
        if of not in few and roc.class_sizes(a.labels, a.folds)
    }  # fmt: skip
    if both:
        found["roc"] = plots.roc_curves(
            both, main, {of: _area(ablations[main], of) for of in both}, confidence=confidence,
            alt=f"ROC curves of {inputs_of(main)}: "
            + "; ".join(f"{of} {_area(ablations[main], of)}" for of in both),
        )  # fmt: skip
    return found


def _of_patients(given: Answered, thresholds: Sequence[Row], main: str) -> dict[str, Markup]:
    """Return the plots of single patients."""
    own = given.table[given.table["ablation"] == main]
    wrong = own["label"] != own["predicted"]
    errors = patient_plots.errors(given.table, name="errors", alt=(
        "Probability of RICE of each patient by input combination, wrong answers marked; "
        f"{inputs_of(main)} is wrong about {wrong.sum()} of {len(own)} patients"
    ))  # fmt: skip
    chosen = [
        ("Youden, over the folds", float(row["threshold_low"]), float(row["threshold_high"]))
        for row in thresholds
        if row["ablation"] == main and row["set"] == "validation" and "Youden" in row["rule"]
        and row["threshold"] and not row["note"]
    ]  # fmt: skip
    strip = patient_plots.strip(own, [("0.5", 0.5, 0.5), *chosen[:1]], name="strip", alt=(
        f"Probabilities of {inputs_of(main)} by set and class; {wrong.sum()} of {len(own)} lie on "
        "the wrong side"
    ))  # fmt: skip
    return {"errors": errors, "strip": strip}


def _area(result: Row, of: str) -> str:
    if of == "validation":
        own, words = result["validation"]["within_folds"]["auc"], "AUC within folds"
    else:
        own, words = result["test"]["mean_probability"]["auc"], "AUC"
    return f"{words} {wording.estimate(own['value'], own['low'], own['high'], int(own['n']))}"
