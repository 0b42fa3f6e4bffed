"""The methods of intervals and tests: the question that each answers, and its actual coverage.

Tables name a method by its key and give its actual coverage beside each interval. The figures come
from ``benchmarks/coverage.py``; ``docs/statistics.md`` has them in full.
"""

from __future__ import annotations

from typing import NamedTuple

EXACT, WILSON, NEWCOMBE, DELONG = "exact", "Wilson", "Newcombe", "DeLong, logit"
NADEAU_BENGIO, TANGO, POSTERIOR = "Nadeau-Bengio", "Tango", "Jeffreys posterior"
MEASURED_AT = 0.95
FEWEST = 10  # patients of each class, below which nothing is fitted nor estimated
# what intervals of pooled predictions of cross-validation mean
OUT_OF_FOLD = (
    "for these trained models: accounts for the sampling of patients, not for retraining; as an "
    "interval for the expected performance of the method a nominal 95 % covered 86 to 93 % in "
    "simulations of a simpler learner (n = 80), and probably less for networks"
)


class Method(NamedTuple):
    """A way to make an interval.

    Attributes
    ----------
    question : str
        What the interval answers.
    coverage : str
        Actual coverage of a nominal 95 % interval.
    reference : str
    """

    question: str
    coverage: str
    reference: str


METHODS = {
    EXACT: Method(
        "which values of the figure are compatible with this number of correct answers in each "
        "class",
        "at least 95 %, at any number of patients",
        "Buehler, J Am Stat Assoc 52:482, 1957",
    ),
    WILSON: Method(
        "which proportions are compatible with the observed count",
        "95 % on average; for single proportions of few patients 83 to 99 %",
        "Wilson, J Am Stat Assoc 22:209, 1927",
    ),
    NEWCOMBE: Method(
        "which areas are compatible with this ranking of the patients",
        "92 to 98 % in simulations of 12 to 80 patients",
        "Newcombe, Stat Med 25:559, 2006, method 5",
    ),
    DELONG: Method(
        "which areas are compatible with this ranking, with the variance estimated from the ranks "
        "themselves",
        "92 to 96 % in simulations of 80 patients; no interval where the ranking is perfect",
        "DeLong, Biometrics 44:837, 1988",
    ),
    NADEAU_BENGIO: Method(
        "what a new study of this size, with its own patients and trainings, would find",
        "95 to 98 % in simulations of a simpler learner (n = 80, five folds), for networks not "
        "known; no narrower than the pooled one",
        "Nadeau and Bengio, Mach Learn 52:239, 2003",
    ),
    TANGO: Method(
        "by how much the accuracies of two classifiers differ on the same patients",
        "94 to 100 % in simulations of 12 and 80 patients",
        "Tango, Stat Med 17:891, 1998",
    ),
    POSTERIOR: Method(
        "by how much the macro F1 of two classifiers differs on the same patients",
        "94 to 100 % in simulations of 12 and 80 patients",
        "Dirichlet posterior with Jeffreys' prior",
    ),
}


def coverage(method: str, *, out_of_fold: bool, confidence: float) -> str:
    """Return the actual coverage of an interval, and of which quantity where folds are pooled."""
    pooled = out_of_fold and method != NADEAU_BENGIO
    text = OUT_OF_FOLD if pooled else METHODS[method].coverage
    if confidence == MEASURED_AT:
        return text
    if method == EXACT and not pooled:
        return f"at least {100 * confidence:g} %, at any number of patients"
    return f"measured at a nominal 95 %: {text}"
