"""Plots of the results: panels of the forest plot, contrasts, answers by patient, ROC curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from ricenet.report import contrast_plot, patient_plots, plots, result_plots
from ricenet.report.page import inputs_of, set_words
from ricenet.report.result_plots import Line, Panel
from ricenet.report.results import (
    Answered,
    best_probe,
    constant,
    ensemble,
    headline,
    sizes,
    too_few,
)
from ricenet.report.svg import TEAL
from ricenet.statistics import roc, wording

Row = Mapping[str, Any]
HOLLOW_BELOW = 30


def _line(ablation: str, result: Row, of: str, *, estimated: bool) -> Line:
    own = headline(result, of)
    name = inputs_of(ablation)
    right = own["right"] + (f"; {own['constant']}" if own["constant"] else "")
    if of == "test":
        beside = result["test"]["published"] if estimated else None
        return Line(name, own["macro_f1"], beside, right=right)
    limits = own["macro_f1_new_study"]
    band = (limits["low"], limits["high"]) if limits["low"] is not None else None
    folds = [value for value in own["macro_f1_folds"] if value is not None]
    return Line(
        name,
        own["pooled"]["macro_f1"],
        own["published"] if estimated else None,
        band,
        folds,
        right=right,
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
    estimated = [row for row in pairs if not row.get("few") and not row.get("same")]
    if estimated:
        found["contrasts"] = contrast_plot.contrasts(estimated, name="contrasts", alt=(
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
            + "; ".join(f"{set_words(of)} {_area(ablations[main], of)}" for of in both),
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
