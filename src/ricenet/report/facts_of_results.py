"""Facts about the headline figures for the reporting sheets; empty before an evaluation."""

from __future__ import annotations

from ricenet.report import facts_of_use
from ricenet.report.known import Known, Row
from ricenet.report.page import inputs_of, set_words
from ricenet.report.results import (
    FEWEST_TO_ESTIMATE,
    SETS,
    class_sizes,
    headline,
    recognised,
)
from ricenet.statistics import wording
from ricenet.statistics.guessing import BEST_GUESS


def performance(k: Known) -> str:
    """Return the headline figures of each set."""
    if not k.ablations:
        return ""
    parts = []
    for of in SETS:
        own = headline(k.ablations[k.main], of)
        f1 = (own["pooled"] if of == "validation" else own)["macro_f1"]
        if n := int(f1["n"]):
            text = wording.estimate(f1["value"], f1["low"], f1["high"], n)
            pair = class_sizes(own)
            few = min(pair) < FEWEST_TO_ESTIMATE
            words = f", macro F1 {text}, n = {n}, {f1['method']}{method_of(own, of)}"
            parts.append(
                f"{set_words(of)}: {own['right']} ({pair[0]} RICE){'' if few else words}"
                + (f"; {own['constant']}, {recognised(own, pair)}" if own["constant"] else "")
                + ("; too few patients to estimate anything" if few else "")
            )
    return f"{inputs_of(k.main)}: {'; '.join(parts)}. All inputs and figures: metrics.tsv."


def method_of(own: Row, of: str) -> str:
    """Return the interval of the method, and what guessing reaches, beside a macro F1."""
    text = f"; guessing {BEST_GUESS:.2f} at best"
    if of != "validation":
        return text
    limits = own["macro_f1_new_study"]
    shown = wording.interval(limits["low"], limits["high"], int(own["pooled"]["macro_f1"]["n"]))
    return f" for these models and patients; the method {shown}{text}"


def subgroups(k: Known) -> str:
    """Return the headline figures of each set, and by what patients were grouped besides."""
    columns = facts_of_use.grouped_by(k)
    text = performance(k)
    return f"{text} Accuracy by {columns}: subgroups.tsv." if text and columns else text
