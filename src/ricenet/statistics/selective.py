"""Selective prediction: risk against coverage.

No call is made about who is not answered. ``sure`` is an (N,) float array, larger
where the classifier is surer; ``wrong`` is (N,) bool.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Step(NamedTuple):
    """A point of the curve: number of patients with a prediction, and of errors among them."""

    answered: int
    errors: int


def curve(sure: NDArray, wrong: NDArray) -> list[Step]:
    """Return the curve, the most confident first; ties enter together."""
    sure, wrong = np.asarray(sure), np.asarray(wrong, dtype=bool)
    levels = np.unique(sure)[::-1]
    return [
        Step(int((sure >= level).sum()), int((wrong & (sure >= level)).sum())) for level in levels
    ]


def area(sure: NDArray, wrong: NDArray) -> float:
    """Return the area under risk against coverage (AURC): the mean risk over all coverages.

    Geifman and El-Yaniv, NeurIPS 2017. The errors among equally sure patients are taken as spread
    evenly, so that the order of the table does not count. By chance it is the share of errors.
    """
    answered, errors, risks = 0, 0.0, []
    for step in curve(sure, wrong):
        new, new_errors = step.answered - answered, step.errors - errors
        risks += [(errors + new_errors * (k + 1) / new) / (answered + k + 1) for k in range(new)]
        answered, errors = step.answered, float(step.errors)
    return float(np.mean(risks)) if risks else float("nan")


def area_by_chance(sure: NDArray, wrong: NDArray, *, draws: int, rng: np.random.Generator) -> float:
    """Return how often an order by chance has as small an area: one-sided p."""
    observed = area(sure, wrong)
    as_small = sum(area(sure, rng.permutation(wrong)) <= observed + 1e-12 for _ in range(draws))
    return (1 + as_small) / (1 + draws)
