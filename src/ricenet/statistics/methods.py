"""The methods of intervals and tests: which question each answers, and how often it is right.

Tables name a method by its key and say its real coverage beside each interval. The figures come
from ``benchmarks/coverage.py``; ``docs/statistics.md`` has them in full.
"""

from __future__ import annotations

from typing import NamedTuple

EXACT, WILSON, NEWCOMBE, DELONG = "exact", "Wilson", "Newcombe", "DeLong, logit"
NADEAU_BENGIO, TANGO, POSTERIOR = "Nadeau-Bengio", "Tango", "Jeffreys posterior"
MEASURED_AT = 0.95
# what intervals of pooled predictions of cross-validation mean
OUT_OF_FOLD = (
    "of these models and these patients: only the choice of patients is in it, not another training"
    "; as an interval for what the method is worth a nominal 95 % covers about 90 %"
)


class Method(NamedTuple):
    """A way to make an interval.

    Attributes
    ----------
    question : str
        What the interval answers.
    coverage : str
        Real coverage of a nominal 95 %.
    reference : str
    """

    question: str
    coverage: str
    reference: str


METHODS = {
    EXACT: Method(
        "which values of the figure are compatible with so many right answers of each class",
        "at least 95 %, at any number of patients",
        "Buehler, J Am Stat Assoc 52:482, 1957",
    ),
    WILSON: Method(
        "which proportions are compatible with so many of so many",
        "95 % on average; for single proportions of few patients 83 to 99 %",
        "Wilson, J Am Stat Assoc 22:209, 1927",
    ),
    NEWCOMBE: Method(
        "which areas are compatible with this ranking of so many patients",
        "92 to 98 % in simulations of 12 to 80 patients",
        "Newcombe, Stat Med 25:559, 2006, method 5",
    ),
    DELONG: Method(
        "which areas are compatible with this ranking, from the spread of the ranks themselves",
        "92 to 96 % in simulations of 80 patients; none where no pair is in the wrong order",
        "DeLong, Biometrics 44:837, 1988",
    ),
    NADEAU_BENGIO: Method(
        "what a new study of this size, with its own patients and trainings, would find",
        "95 to 98 % in simulations of 80 patients in five folds; no narrower than the pooled one",
        "Nadeau and Bengio, Mach Learn 52:239, 2003",
    ),
    TANGO: Method(
        "by how much the accuracies of two classifiers differ on the same patients",
        "94 to 100 % in simulations of 12 and 80 patients",
        "Tango, Stat Med 17:891, 1998",
    ),
    POSTERIOR: Method(
        "by how much the macro F1 of two classifiers differ on the same patients",
        "94 to 100 % in simulations of 12 and 80 patients",
        "Dirichlet posterior with Jeffreys' prior",
    ),
}


def coverage(method: str, *, out_of_fold: bool, confidence: float) -> str:
    """Say what an interval is worth: its real coverage, and of what where folds are pooled."""
    pooled = out_of_fold and method != NADEAU_BENGIO
    text = OUT_OF_FOLD if pooled else METHODS[method].coverage
    if confidence == MEASURED_AT:
        return text
    if method == EXACT and not pooled:
        return f"at least {100 * confidence:g} %, at any number of patients"
    return f"measured at a nominal 95 %: {text}"
