"""Predictions of a finished cohort's ensembles for one new subject, as one answer."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pandas as pd

from ricenet import step
from ricenet.cohort.labels import NAMES
from ricenet.cohort.prediction_table import TEST_COLUMNS, VALIDATION_COLUMNS, read_predictions
from ricenet.predict import conformal_sets
from ricenet.provenance import atomic
from ricenet.statistics import metrics

RESEARCH_USE = "Research use only: not a medical device, no basis for clinical decisions."


def votes(table: pd.DataFrame) -> dict[str, Any]:
    """Return the probability of RICE by each model, vote and mean of one ensemble.

    Parameters
    ----------
    table : DataFrame
        Columns fold and probability_rice, one row a model.
    """
    table = table.sort_values("fold")
    rice = table["probability_rice"].to_numpy()  # (M,)
    return {
        "models": {f"fold-{k}": float(p) for k, p in zip(table["fold"], rice, strict=True)},
        "votes_rice": int(metrics.predicted_class(rice).sum()),
        "vote": NAMES[int(metrics.majority_vote(rice[:, None])[0])],
        "mean_probability_rice": float(metrics.mean_probability(rice[:, None])[0]),
    }


def main(argv: Sequence[str] | None = None) -> None:
    """Read one table for each ensemble, write the result as JSON."""
    inputs = ("manifest-record", "tables*", "validation*")
    values = ("subject", "cohort", "alphas")
    with step.Job("vote", argv, inputs=inputs, values=values) as job:
        args, found = job.args, {}
        facts = job.read_record(args.manifest_record)["facts"]
        known = read_predictions(args.validation, VALIDATION_COLUMNS)
        known, folds = known[known["which"] == "last"], facts["ensemble"]["folds"]
        for path in args.tables:
            table = read_predictions([path], TEST_COLUMNS)
            if table.empty or set(table["subject"]) != {args.subject}:
                raise ValueError(f"{path.name}: not the predictions of {args.subject}")
            ablation, own = str(table["ablation"].iloc[0]), votes(table)
            own["conformal"] = conformal_sets.calls(
                own["mean_probability_rice"], known[known["ablation"] == ablation], folds,
                json.loads(args.alphas),
            )  # fmt: skip
            found[ablation] = own
        answer = {
            "use": RESEARCH_USE,
            "subject": args.subject,
            "cohort": args.cohort,
            "cohort_manifest": facts["ensemble"]["manifest"],
            "prepared_by_other_code": facts["steps_of_other_code"],
            "positive_class": "RICE",
            "ablations": found,
        }
        atomic.write_json(job.stage(args.out), answer)
