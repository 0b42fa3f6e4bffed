"""Conformal sets of a new subject: which classes its ensemble's probability is compatible with.

Held against the out-of-fold scores of the cohort whose models answer. These are of single models,
and the subject's is that of an ensemble: the level is nominal (docs/statistics.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from ricenet.cohort.labels import NAMES
from ricenet.statistics import conformal
from ricenet.statistics.methods import FEWEST

NO_CALL = {0: "no call: fits neither class at this level", 2: "no call: both classes fit"}


def calls(
    rice: float, scores: pd.DataFrame, folds: Sequence[int], alphas: Sequence[float]
) -> dict[str, Any]:
    """Return the classes that fit a subject at each level, and the call where it is one.

    Parameters
    ----------
    rice : float
        Mean probability of RICE of the ensemble.
    scores : DataFrame
        Out-of-fold predictions of the last epoch by the models of one input combination: fold,
        label, probability_rice.
    folds : sequence of int
        Of the models that answer.
    alphas : sequence of float
        Shares of each class that the sets may miss.

    Returns
    -------
    dict
        ``not_made``, the reason, empty where sets were made; ``calibrated``, patients by class;
        ``sets``, one entry a level: alpha, classes, call, p values by class.
    """
    labels = scores["label"].to_numpy(dtype=np.int64)
    counts = {name: int((labels == label).sum()) for label, name in NAMES.items()}
    why = ""
    if set(scores["fold"]) != set(folds):
        found = sorted(set(scores["fold"])) or "none"
        why = f"out-of-fold scores of folds {found}, the models are of folds {sorted(folds)}"
    elif (fewest := min(counts.values())) < FEWEST:
        why = f"{fewest} patients of the smaller class to compare with, fewer than {FEWEST}"
    if why:
        return {"not_made": why, "calibrated": counts, "sets": []}
    known = scores["probability_rice"].to_numpy()
    (p,) = conformal.class_p_values(labels, known, np.array([rice]))
    return {
        "not_made": "",
        "calibrated": counts,
        "sets": [_set(p, alpha) for alpha in alphas],
    }


def _set(p: np.ndarray, alpha: float) -> dict[str, Any]:
    fitting = [name for label, name in NAMES.items() if p[label] > alpha]
    call = NO_CALL.get(len(fitting)) or fitting[0]
    by_class = {name: float(p[label]) for label, name in NAMES.items()}
    return {"alpha": alpha, "classes": fitting, "call": call, "p": by_class}


def in_words(found: dict[str, Any]) -> str:
    """Return the calls as one cell of a table."""
    if found["not_made"]:
        return f"not made: {found['not_made']}"
    return "; ".join(f"alpha {one['alpha']:g}: {one['call']}" for one in found["sets"])
