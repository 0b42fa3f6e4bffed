"""Thresholds chosen on other patients, and decision curves, of one input combination."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from ricenet.evaluate.calibration import AS_PREDICTED, Predictions, not_made, versions
from ricenet.statistics import decision
from ricenet.statistics.estimates import figures
from ricenet.statistics.methods import coverage

Row = dict[str, Any]
THRESHOLD_COLUMNS = [
    "ablation", "set", "rule", "threshold", "threshold_low", "threshold_high", "metric", "value",
    "low", "high", "n", "method", "coverage", "errors", "note",
]  # fmt: skip
DECISION_COLUMNS = [
    "ablation", "set", "version", "threshold", "net_benefit", "low", "high", "treat_all",
    "treat_none", "called", "n", "rice", "note",
]  # fmt: skip
# whole numbers also in tables of which some rows have none
COUNTS = [
    "n", "rice", "errors", "calibrated", "covered", "single", "single_right", "both", "none",
    "answered", "answered_rice", "errors_rice", "called", "draws",
]  # fmt: skip
GRID = tuple(round(0.05 + 0.025 * i, 3) for i in range(35))  # 0.05 to 0.9
METRICS = ("macro_f1", "sensitivity", "specificity", "accuracy", "balanced_accuracy")
HALF = "0.5"


def threshold_rows(own: Predictions, out_of_fold: Predictions, settings: Row) -> list[Row]:
    """Return the figures at 0.5 and at thresholds chosen on other patients.

    Parameters
    ----------
    settings : dict
        confidence, cost_ratio.
    """
    n = len(own.labels)
    rules: dict[str, float | None] = {
        "Youden": None,
        f"cost ratio {settings['cost_ratio']:g}": settings["cost_ratio"],
    }
    if why := not_made(own, out_of_fold, own_fewest=1):
        return [{"rule": rule, "n": n, "note": why} for rule in (HALF, *rules)]
    given = {HALF: np.full(n, 0.5)}
    for rule, ratio in rules.items():
        if own.folds is None:
            one = decision.best_threshold(*out_of_fold[:2], cost_ratio=ratio)
            given[rule] = np.full(n, one)
        else:
            by_fold = decision.out_of_fold_thresholds(
                own.labels, own.probability, own.folds, cost_ratio=ratio
            )
            given[rule] = np.array([by_fold[int(fold)] for fold in own.folds])
    rows = []
    for rule, limits in given.items():
        predicted = (own.probability > limits).astype(np.int64)
        found = figures(
            own.labels, predicted, None, confidence=settings["confidence"], prevalences=()
        )
        where = {
            "rule": rule, "threshold": float(np.median(limits)),
            "threshold_low": float(limits.min()), "threshold_high": float(limits.max()),
        }  # fmt: skip
        rows += [
            {
                **where, "metric": f.metric, **f.estimate._asdict(), "n": f.n, "method": f.method,
                "coverage": coverage(
                    f.method, out_of_fold=own.folds is not None, confidence=settings["confidence"]
                ),
                "errors": f.errors,
            }
            for f in found
            if f.metric in METRICS
        ]  # fmt: skip
    return rows


def decision_rows(own: Predictions, out_of_fold: Predictions, settings: Row) -> list[Row]:
    """Return the decision curve, of predictions as they are and recalibrated."""
    count = {"n": len(own.labels), "rice": int((own.labels == 1).sum())}
    if why := not_made(own, out_of_fold):
        return [{"version": AS_PREDICTED, **count, "note": why}]
    rows = []
    for name, made in versions(own, out_of_fold).items():
        for threshold in GRID:
            found = decision.net_benefit(
                made.labels, made.probability, threshold, confidence=settings["confidence"]
            )
            value, low, high = found.estimate
            rows.append(
                {
                    "version": name, "threshold": threshold, "net_benefit": value, "low": low,
                    "high": high, "treat_all": found.treat_all, "treat_none": 0.0,
                    "called": int((made.probability >= threshold).sum()), **count,
                }
            )  # fmt: skip
    return rows


def as_table(rows: list[Row], columns: list[str]) -> pd.DataFrame:
    """Return rows as a table with these columns, counts as integers."""
    table = pd.DataFrame(rows, columns=columns)
    return table.astype({name: "Int64" for name in COUNTS if name in columns})
