"""Metrics of all ablations from the stored predictions, with confidence intervals.

Nothing is predicted here. Predictions that do not fit the manifest are refused: a subject missing,
twice, in another fold or split, or with another label.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from ricenet import step
from ricenet.cohort import dataset
from ricenet.cohort.prediction_table import TEST_COLUMNS, VALIDATION_COLUMNS, read_predictions
from ricenet.evaluate.check_predictions import check_test, check_validation
from ricenet.provenance import atomic, tsv
from ricenet.statistics import confusion, metrics
from ricenet.statistics.published import PUBLISHED_TEST_F1, PUBLISHED_VALIDATION_F1

COLUMNS = ["ablation", "set", "aggregate", "which", "metric", "value", "low", "high", "sd", "n"]

Row = dict[str, Any]


def fold_rows(table: pd.DataFrame) -> list[Row]:
    """Return each metric's mean and deviation over the folds, of those folds where it is defined.

    Parameters
    ----------
    table : DataFrame
        Validation predictions of one ablation and epoch.
    """
    found: list[Row] = []
    for metric, by_fold in fold_values(table).items():
        defined = [v for v in by_fold if not math.isnan(v)]
        mean = float(np.mean(defined)) if defined else math.nan
        sd = float(np.std(defined, ddof=1)) if len(defined) > 1 else math.nan
        found.append({"metric": metric, "value": mean, "sd": sd, "n": len(defined)})
    return found


def fold_values(table: pd.DataFrame) -> dict[str, list[float]]:
    """Return each metric of each fold, folds in ascending order."""
    by_fold = []
    for _, rows in table.groupby("fold"):
        labels, rice = rows["label"].to_numpy(), rows["probability_rice"].to_numpy()
        by_fold.append(metrics.point_values(labels, metrics.predicted_class(rice), rice))
    return {name: [values[name] for values in by_fold] for name in by_fold[0]}


def estimate_rows(found: dict[str, metrics.Estimate], n: int) -> list[Row]:
    """Return the metrics with intervals as rows of the long table."""
    return [{"metric": name, **e._asdict(), "n": n} for name, e in found.items()]


def validation_results(table: pd.DataFrame, settings: dict[str, Any]) -> tuple[list[Row], Row]:
    """Return the rows and summary of one ablation's validation predictions.

    Returns
    -------
    list of dict
        Rows of the long table: mean of folds and pooled, last and best epoch.
    dict
        The same for the JSON summary; the best epoch is optimistic, as it was chosen by these
        subjects.
    """
    rows: list[Row] = []
    summary: Row = {}
    for which, part in table.groupby("which", sort=False):
        labels, rice = part["label"].to_numpy(), part["probability_rice"].to_numpy()
        predicted = metrics.predicted_class(rice)
        pooled = metrics.estimates(labels, predicted, rice, **settings)
        folds = fold_rows(part)
        for aggregate, found in (
            ("fold mean", folds),
            ("pooled", estimate_rows(pooled, len(labels))),
        ):
            rows += [{"aggregate": aggregate, "which": which, **row} for row in found]
        summary[str(which)] = {
            "macro_f1_folds": fold_values(part)["macro_f1"],
            "macro_f1_mean": folds[0]["value"],
            "macro_f1_sd": folds[0]["sd"],
            "pooled": {name: e._asdict() for name, e in pooled.items()},
            "confusion": confusion.confusion(labels, predicted),
        }
    return rows, summary


def test_results(table: pd.DataFrame, settings: dict[str, Any]) -> tuple[list[Row], Row]:
    """Return the rows and summary of one ablation's ensemble on the test subjects.

    Parameters
    ----------
    table : DataFrame
        Predictions of all folds' models; without rows, every metric is NaN.
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
        found = metrics.estimates(labels, predicted, rice, **settings)
        rows += [
            {"aggregate": aggregate, "which": "last", **row}
            for row in estimate_rows(found, labels.size)
        ]
        summary[aggregate.replace(" ", "_")] = {
            **{name: e._asdict() for name, e in found.items()},
            "confusion": confusion.confusion(labels, predicted),
        }
    return rows, summary


def evaluate(
    validation: pd.DataFrame, test: pd.DataFrame, settings: dict[str, Any]
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Compute the long table and the summary of all ablations from checked predictions."""
    rows: list[Row] = []
    summary: dict[str, Any] = {}
    for ablation, part in validation.groupby("ablation", sort=False):
        name = str(ablation)
        validated, by_epoch = validation_results(part, settings)
        tested, of_test = test_results(test[test["ablation"] == name], settings)
        rows += [{"ablation": name, "set": "validation", **row} for row in validated]
        rows += [{"ablation": name, "set": "test", **row} for row in tested]
        summary[name] = {
            "validation": {
                **by_epoch["last"],
                "best_epoch_optimistic": by_epoch["best"],
                "published_macro_f1": PUBLISHED_VALIDATION_F1.get(name),
            },
            "test": {**of_test, "published_macro_f1": PUBLISHED_TEST_F1.get(name)},
        }
    return pd.DataFrame(rows, columns=COLUMNS), {"ablations": summary, "settings": settings}


def without_nan(value: Any) -> Any:
    """Return a copy of nested dicts and lists, NaN as None: JSON has no NaN."""
    if isinstance(value, dict):
        return {key: without_nan(v) for key, v in value.items()}
    if isinstance(value, list):
        return [without_nan(v) for v in value]
    return None if isinstance(value, float) and math.isnan(value) else value


def main(argv: Sequence[str] | None = None) -> None:
    """Read manifest and predictions, check them against each other, write the metrics."""
    inputs, outputs = ("manifest", "validation*", "test*"), ("out", "summary")
    with step.Job("evaluate", argv, inputs=inputs, outputs=outputs) as job:
        manifest, _ = dataset.read_manifest(job.args.manifest)
        validation = read_predictions(job.args.validation, VALIDATION_COLUMNS)
        test = read_predictions(job.args.test, TEST_COLUMNS)
        if validation.empty:
            raise ValueError("no validation predictions were passed")
        check_validation(validation, manifest)
        check_test(test, manifest, list(validation["ablation"].unique()))
        table, summary = evaluate(validation, test, job.settings)
        tsv.write(job.stage(job.args.out), table)
        atomic.write_json(job.stage(job.args.summary), without_nan(summary))
