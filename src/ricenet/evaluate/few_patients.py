"""What is not estimated of few patients: no interval of an area under the curve."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ricenet.statistics.estimates import FigureOfMerit
from ricenet.statistics.methods import FEWEST

AREAS = ("auc", "auc_delong")
NO_LIMITS = f"no interval: fewer than {FEWEST} patients of a class, whom chance often ranks so"

CHOSEN = "no interval: the epoch was chosen on these patients, which flatters it"
NOT_DEFINED = "no interval: not defined for these patients and answers"


NO_ESTIMATE = f"fewer than {FEWEST} patients of a class: a description, no estimate"
ONE_ANSWER = "not defined: every patient gets the same answer"
PREDICTIVE = ("ppv", "npv")


def fewest(labels: NDArray) -> int:
    """Return the patients of the smaller class.

    Parameters
    ----------
    labels : (N,) int array
    """
    return int(np.bincount(labels, minlength=2).min())


def without_limits(found: Sequence[FigureOfMerit], labels: NDArray) -> list[FigureOfMerit]:
    """Return figures, areas under the curve without limits where a class has too few patients.

    Chance ranks few patients without an error often (one in six of 2 and 2, and so in a fold), and
    an interval that comes from a model of the scores does not know it.
    """
    if fewest(labels) >= FEWEST:
        return list(found)
    nothing = {"low": math.nan, "high": math.nan}
    return [
        f._replace(estimate=f.estimate._replace(**nothing), method="") if f.metric in AREAS else f
        for f in found
    ]
