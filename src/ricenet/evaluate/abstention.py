"""Abstention: conformal sets, and risk against coverage."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ricenet.cohort.labels import NAMES
from ricenet.evaluate.calibration import Predictions, not_made
from ricenet.statistics import conformal, selective
from ricenet.statistics.metrics import predicted_class, wilson

Row = dict[str, Any]
CONFORMAL_COLUMNS = [
    "ablation", "set", "alpha", "class", "calibrated", "n", "covered", "coverage", "low", "high",
    "expected_low", "expected_high", "single", "single_right", "both", "none", "note",
]  # fmt: skip
SELECTIVE_COLUMNS = [
    "ablation", "set", "rule", "measure", "coverage", "answered", "answered_rice", "errors",
    "errors_rice", "value", "low", "high", "null", "p", "draws", "n", "note",
]  # fmt: skip
SHARES = (0.2, 0.4, 0.6, 0.8, 1.0)  # of patients who are answered
BY_PROBABILITY = "distance of the probability from 0.5"


def p_values(own: Predictions, out_of_fold: Predictions) -> NDArray:
    """Return the conformal p values of both classes, by other folds or by all: (N, 2) array."""
    if own.folds is not None:
        return conformal.out_of_fold(own.labels, own.probability, own.folds)
    return conformal.class_p_values(*out_of_fold[:2], own.probability)


def conformal_rows(own: Predictions, out_of_fold: Predictions, settings: Row) -> list[Row]:
    """Return how often the sets contain the true class, and how many classes they contain.

    Parameters
    ----------
    settings : dict
        confidence, conformal_alpha.
    """
    if why := not_made(own, out_of_fold, own_fewest=1):
        return [
            {"alpha": alpha, "n": len(own.labels), "note": why}
            for alpha in settings["conformal_alpha"]
        ]
    p, rows = p_values(own, out_of_fold), []
    for alpha in settings["conformal_alpha"]:
        held = p > alpha
        for label, name in NAMES.items():
            mine = own.labels == label
            covered = int(held[mine, label].sum())
            found = wilson(covered, int(mine.sum()), confidence=settings["confidence"])
            calibrated = _calibrated(own, out_of_fold, label)
            expected = conformal.coverage_range(calibrated, alpha=alpha)
            size = held[mine].sum(axis=1)
            rows.append(
                {
                    "alpha": alpha, "class": name, "calibrated": calibrated, "n": int(mine.sum()),
                    "covered": covered, "coverage": found.value, "low": found.low,
                    "high": found.high, "expected_low": expected.low,
                    "expected_high": expected.high, "single": int((size == 1).sum()),
                    "single_right": int(((size == 1) & held[mine, label]).sum()),
                    "both": int((size == 2).sum()), "none": int((size == 0).sum()),
                    "note": "too few to exclude the class" if expected.low == 1 else "",
                }
            )  # fmt: skip
    return rows


def _calibrated(own: Predictions, out_of_fold: Predictions, label: int) -> int:
    """Return the number of calibration patients of a class; the smallest over the folds."""
    same = out_of_fold.labels == label
    if own.folds is None:
        return int(same.sum())
    return min(int((same & (own.folds != fold)).sum()) for fold in np.unique(own.folds))


def selective_rows(own: Predictions, out_of_fold: Predictions, settings: Row) -> list[Row]:
    """Return the risk among patients with a prediction, by probability and by sets of one class.

    Parameters
    ----------
    settings : dict
        confidence, conformal_alpha, draws, seed.
    """
    n = len(own.labels)
    if why := not_made(own, out_of_fold, own_fewest=1):
        return [{"rule": BY_PROBABILITY, "n": n, "note": why}]
    sure = np.abs(own.probability - 0.5)
    wrong = predicted_class(own.probability) != own.labels
    rng = np.random.default_rng(settings["seed"])
    rows = [
        {
            "rule": BY_PROBABILITY, "measure": "area", "value": selective.area(sure, wrong),
            "null": float(wrong.mean()), "n": n,
            "p": selective.area_by_chance(sure, wrong, draws=settings["draws"], rng=rng),
            "draws": settings["draws"],
        }
    ]  # fmt: skip
    for share in SHARES:
        least = np.sort(sure)[::-1][math.ceil(share * n - 1e-9) - 1]
        rows.append(_risk(BY_PROBABILITY, own, sure >= least, wrong, settings))
    p = p_values(own, out_of_fold)
    for alpha in settings["conformal_alpha"]:
        held = p > alpha
        single, called = held.sum(axis=1) == 1, held[:, 1].astype(int)
        rule = f"one class in the set, alpha {alpha:g}"
        rows.append(_risk(rule, own, single, called != own.labels, settings))
    return rows


def _risk(rule: str, own: Predictions, answered: NDArray, wrong: NDArray, settings: Row) -> Row:
    """Return the error rate among patients with a prediction; by chance it is that of all."""
    rice, n, errors = own.labels == 1, len(own.labels), answered & wrong
    found = wilson(int(errors.sum()), int(answered.sum()), confidence=settings["confidence"])
    everybody = predicted_class(own.probability) != own.labels
    return {
        "rule": rule, "measure": "risk", "coverage": float(answered.mean()),
        "answered": int(answered.sum()), "answered_rice": int((answered & rice).sum()),
        "errors": int(errors.sum()), "errors_rice": int((errors & rice).sum()),
        **found._asdict(), "null": float(everybody.mean()), "n": n,
        "note": "" if answered.any() else "no patient gets a prediction",
    }  # fmt: skip
