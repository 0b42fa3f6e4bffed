"""Results of one input combination: rows of the long table, and the same as a summary.

Validation predictions are *out of fold*: each subject is predicted by the one model that did not
train on it. They are shown pooled, as the mean of the folds, and within folds.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ricenet.evaluate.few_patients import (
    AREAS,
    CHOSEN,
    NO_ESTIMATE,
    NO_LIMITS,
    NOT_DEFINED,
    ONE_ANSWER,
    PREDICTIVE,
    fewest,
    without_limits,
)
from ricenet.statistics import confusion, metrics, wording
from ricenet.statistics.cross_validation import FoldMean, nadeau_bengio, no_narrower
from ricenet.statistics.estimates import FigureOfMerit, areas, figures
from ricenet.statistics.methods import FEWEST, NADEAU_BENGIO, coverage

Row = dict[str, Any]


def fold_values(table: pd.DataFrame) -> dict[str, list[float]]:
    """Return each metric of each fold, folds in ascending order.

    Parameters
    ----------
    table : DataFrame
        Validation predictions of one ablation and epoch.
    """
    by_fold = []
    for _, rows in table.groupby("fold"):
        labels, rice = rows["label"].to_numpy(), rows["probability_rice"].to_numpy()
        by_fold.append(metrics.point_values(labels, metrics.predicted_class(rice), rice))
    return {name: [values[name] for values in by_fold] for name in by_fold[0]}


def fold_means(
    table: pd.DataFrame, pooled: Mapping[str, metrics.Estimate], *, confidence: float
) -> dict[str, FoldMean]:
    """Return each metric's mean over the folds where it is defined, limits within 0 and 1.

    Parameters
    ----------
    pooled : mapping of str to Estimate
        The same metrics of all folds together. A new study has new patients, so that its interval
        is made no narrower than theirs: folds that agree by chance, or because every
        patient gets the same answer, are no reason for a narrower one.
    """
    found = {}
    for metric, values in fold_values(table).items():
        mean = nadeau_bengio(values, confidence=confidence)
        if metric in AREAS and math.isnan(pooled[metric].low):
            mean = mean._replace(low=math.nan, high=math.nan)
        if not math.isnan(mean.low):
            low, high = no_narrower(mean, pooled[metric])
            mean = mean._replace(low=max(0.0, low), high=min(1.0, high))
        found[metric] = mean
    return found


def fold_row(metric: str, mean: FoldMean, *, confidence: float) -> Row:
    """Return a mean over folds as a row of the long table."""
    row = {"metric": metric, "value": mean.value, "sd": mean.sd, "n": mean.folds}
    if math.isnan(mean.low):
        return row
    worth = coverage(NADEAU_BENGIO, out_of_fold=True, confidence=confidence)
    limits = {"low": mean.low, "high": mean.high, "method": NADEAU_BENGIO}
    return {**row, **limits, "coverage": worth}


def figure_row(figure: FigureOfMerit, *, out_of_fold: bool, confidence: float) -> Row:
    """Return a figure with its interval as a row of the long table; one without says why."""
    row = {
        "metric": figure.metric,
        **figure.estimate._asdict(),
        "n": figure.n,
        "errors": figure.errors,
        "prevalence": figure.prevalence,
    }
    if not figure.method:
        return {**row, "coverage": NO_LIMITS}
    if figure.metric in PREDICTIVE and figure.n and math.isnan(figure.estimate.value):
        return {**row, "coverage": ONE_ANSWER}
    if math.isnan(figure.estimate.low):
        return {**row, "coverage": NOT_DEFINED}
    worth = coverage(figure.method, out_of_fold=out_of_fold, confidence=confidence)
    return {**row, "method": figure.method, "coverage": worth}


def of_chosen_epoch(row: Row) -> Row:
    """Return a row of the best epoch without limits: none hold where these patients chose it."""
    left = {key: value for key, value in row.items() if key not in ("low", "high", "method")}
    return {**left, "coverage": CHOSEN}


def of_few(row: Row, labels: np.ndarray) -> Row:
    """Return a row that says so where a class has too few patients to estimate anything."""
    said = row.get("coverage", "")
    if fewest(labels) >= FEWEST or "fewer than" in said:
        return row
    return {**row, "coverage": f"{said}; {NO_ESTIMATE}" if said else NO_ESTIMATE}


def as_summary(found: Sequence[FigureOfMerit]) -> Row:
    """Return figures by name; predictive values are a list, one entry a prevalence."""
    single = {f.metric: _entry(f) for f in found if math.isnan(f.prevalence)}
    predictive: dict[float, Row] = {}
    for f in found:
        if not math.isnan(f.prevalence):
            predictive.setdefault(f.prevalence, {"prevalence": f.prevalence})[f.metric] = _entry(f)
    return {**single, "predictive_values": list(predictive.values())}


def _entry(figure: FigureOfMerit) -> Row:
    return {**figure.estimate._asdict(), "n": figure.n, "method": figure.method}


def counted(labels: np.ndarray, predicted: np.ndarray) -> Row:
    """Return the counts of a set of predictions, and a summary in words."""
    found = confusion.confusion(labels, predicted)
    return {
        "confusion": found,
        "right": wording.right(found),
        "constant": wording.constant(found),
    }


def results_on_validation(table: pd.DataFrame, settings: Row) -> tuple[list[Row], Row]:
    """Return the rows and summary of one ablation's validation predictions.

    Parameters
    ----------
    settings : dict
        confidence, prevalences.

    Returns
    -------
    list of dict
        Rows of the long table, for the last and the best epoch.
    dict
        The same for the JSON summary; the best epoch is optimistic, as it was chosen by these
        subjects.
    """
    rows: list[Row] = []
    summary: Row = {}
    confidence = settings["confidence"]
    for which, part in table.groupby("which", sort=False):
        labels, rice = part["label"].to_numpy(), part["probability_rice"].to_numpy()
        predicted, folds = metrics.predicted_class(rice), part["fold"].to_numpy()
        pooled = without_limits(figures(labels, predicted, rice, **settings), labels)
        within = without_limits(areas(labels, rice, folds, confidence=confidence), labels)
        of_all = {f.metric: f.estimate for f in (*pooled, *within)}  # AUC: within folds
        means = fold_means(part, of_all, confidence=confidence)
        found = {
            "fold mean": [
                fold_row(metric, mean, confidence=confidence) for metric, mean in means.items()
            ],
            "pooled": [figure_row(f, out_of_fold=True, confidence=confidence) for f in pooled],
            "within folds": [
                figure_row(f, out_of_fold=True, confidence=confidence) for f in within
            ],
        }
        rows += [
            {"aggregate": aggregate, "which": which,
             **of_few(row if which == "last" else of_chosen_epoch(row), labels)}
            for aggregate, group in found.items()
            for row in group
        ]  # fmt: skip
        f1 = means["macro_f1"]
        summary[str(which)] = {
            "macro_f1_folds": fold_values(part)["macro_f1"],
            "macro_f1_mean": f1.value,
            "macro_f1_sd": f1.sd,
            "macro_f1_new_study": {"value": f1.value, "low": f1.low, "high": f1.high},
            "pooled": as_summary(pooled),
            "within_folds": as_summary(within),
            **counted(labels, predicted),
        }
    return rows, summary


def results_on_test(table: pd.DataFrame, settings: Row) -> tuple[list[Row], Row]:
    """Return the rows and summary of one ablation's ensemble on the test subjects.

    Parameters
    ----------
    table : DataFrame
        Predictions of all folds' models; without rows, every metric is NaN.
    settings : dict
        confidence, prevalences.
    """
    wide = table.pivot(index="fold", columns="subject", values="probability_rice")
    labels = table.groupby("subject")["label"].first().to_numpy(dtype=np.int64)
    folds = wide.to_numpy(dtype=np.float64)  # (M, N)
    folds = folds if labels.size else np.empty((1, 0))
    mean = metrics.mean_probability(folds)
    ensembles = {
        "majority vote": (metrics.majority_vote(folds), None),
        "mean probability": (metrics.predicted_class(mean), mean),
    }
    rows: list[Row] = []
    summary: Row = {}
    for aggregate, (predicted, rice) in ensembles.items():
        found = without_limits(figures(labels, predicted, rice, **settings), labels)
        rows += [
            {
                "aggregate": aggregate,
                "which": "last",
                **of_few(
                    figure_row(f, out_of_fold=False, confidence=settings["confidence"]), labels
                ),
            }
            for f in found
        ]
        summary[aggregate.replace(" ", "_")] = {
            **as_summary(found),
            **counted(labels, predicted),
        }
    return rows, summary
