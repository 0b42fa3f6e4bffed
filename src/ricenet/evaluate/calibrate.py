"""The step ``calibrate``: calibration, thresholds, decision curves, abstention.

From stored predictions alone. Whatever is fitted (temperature, share of RICE, threshold, conformal
scores) is fitted on out-of-fold predictions: for a fold on the other folds, for test subjects on
all. Out-of-fold predictions come from as many models as there are folds, an ensemble's from all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd

from ricenet import step
from ricenet.cohort import dataset
from ricenet.evaluate import abstention, calibration, contrasts, decisions
from ricenet.evaluate.calibration import Predictions
from ricenet.evaluate.check_predictions import read_checked
from ricenet.provenance import tsv

Row = dict[str, Any]
Rows = Callable[[Predictions, Predictions, Row], list[Row]]
TABLES: dict[str, tuple[Rows, list[str]]] = {
    "calibration": (calibration.rows, calibration.COLUMNS),
    "thresholds": (decisions.threshold_rows, decisions.THRESHOLD_COLUMNS),
    "decision": (decisions.decision_rows, decisions.DECISION_COLUMNS),
    "conformal": (abstention.conformal_rows, abstention.CONFORMAL_COLUMNS),
    "selective": (abstention.selective_rows, abstention.SELECTIVE_COLUMNS),
}


def predictions_of(answers: contrasts.Answers, ablation: str) -> Predictions:
    """Return the probabilities of one input combination."""
    return Predictions(answers.labels, answers.rice[ablation], answers.folds)


def tables(validation: pd.DataFrame, test: pd.DataFrame, settings: Row) -> dict[str, pd.DataFrame]:
    """Return all tables from checked predictions, by the names of their flags."""
    of_folds = contrasts.out_of_fold(validation)
    of_ensembles = contrasts.of_ensembles(test) if len(test) else None
    rows: dict[str, list[Row]] = {name: [] for name in (*TABLES, "curve")}
    for ablation in map(str, validation["ablation"].unique()):
        known = predictions_of(of_folds, ablation)
        sets = {"validation": known}
        if of_ensembles is not None:
            sets["test"] = predictions_of(of_ensembles, ablation)
        for set_name, own in sets.items():
            first = {"ablation": ablation, "set": set_name}
            for name, (make, _) in TABLES.items():
                rows[name] += [{**first, **row} for row in make(own, known, settings)]
        curve = calibration.curve_rows(known, settings)
        rows["curve"] += [{"ablation": ablation, **row} for row in curve]
    columns = {name: wanted for name, (_, wanted) in TABLES.items()}
    columns["curve"] = calibration.CURVE_COLUMNS
    return {name: decisions.as_table(found, columns[name]) for name, found in rows.items()}


def main(argv: Sequence[str] | None = None) -> None:
    """Read manifest and predictions, check them against each other, write the tables."""
    inputs, outputs = ("manifest", "validation*", "test*"), (*TABLES, "curve")
    with step.Job("calibrate", argv, inputs=inputs, outputs=outputs) as job:
        manifest, _ = dataset.read_manifest(job.args.manifest)
        validation, test = read_checked(job.args.validation, job.args.test, manifest)
        found = tables(validation, test, job.settings)
        for name, table in found.items():
            tsv.write(job.stage(getattr(job.args, name)), table)
        notes = found["calibration"]["note"].dropna()
        job.fact("not_made", sorted({n for n in notes if n.startswith("not made")}))
