"""Which patients are misclassified: subgroups, failures, and missing features by class."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from ricenet import step
from ricenet.cohort import dataset
from ricenet.cohort.labels import NAMES
from ricenet.evaluate import probe_groups, subgroups
from ricenet.evaluate.check_predictions import read_checked
from ricenet.provenance import tsv
from ricenet.statistics import metrics

Row = dict[str, Any]
FAILURE_COLUMNS = [
    "ablation", "set", "subject", "label", "called", "probability_rice", "votes_rice", "models",
    "wrong_combinations", "combinations", "wrong_on_average", "features",
]  # fmt: skip
# what a card says of a subject, by the end of a feature's name
ON_A_CARD = ("_per_fraction_gy", "_hottest_gy", "_after_radiotherapy_d", "_slice_mm", "_ml")


def answers_of(validation: pd.DataFrame, test: pd.DataFrame) -> pd.DataFrame:
    """Return the prediction of each input combination for each subject.

    Returns
    -------
    DataFrame
        ablation, set, subject, label, predicted, probability_rice, votes_rice, models.
    """
    own = validation[validation["which"] == "last"]
    called = metrics.predicted_class(own["probability_rice"].to_numpy())
    parts = [
        own[["ablation", "subject", "label", "probability_rice"]].assign(
            set="validation", predicted=called, votes_rice=called, models=1
        )
    ]
    for ablation, part in test.groupby("ablation", sort=False):
        wide = part.pivot(index="fold", columns="subject", values="probability_rice")
        labels = part.groupby("subject")["label"].first().loc[wide.columns]
        votes = metrics.predicted_class(wide.to_numpy())
        parts.append(
            pd.DataFrame(
                {
                    "ablation": ablation, "set": "test", "subject": wide.columns,
                    "label": labels.to_numpy(dtype=np.int64),
                    "predicted": metrics.majority_vote(wide.to_numpy()),
                    "probability_rice": metrics.mean_probability(wide.to_numpy()),
                    "votes_rice": votes.sum(axis=0), "models": len(wide),
                }
            )
        )  # fmt: skip
    return pd.concat(parts, ignore_index=True)


def failures(answers: pd.DataFrame, features: pd.DataFrame) -> list[Row]:
    """Return a row for each error, the most confident first; test before validation.

    Parameters
    ----------
    features : DataFrame
        One row a subject; some are repeated on the card.
    """
    answers = answers.assign(wrong=answers["label"] != answers["predicted"])
    each = answers.groupby(["set", "subject"])["wrong"]
    errors, asked = each.sum().to_dict(), each.size().to_dict()
    share = answers.groupby("set")["wrong"].mean().to_dict()
    shown = [str(name) for name in features if str(name).endswith(ON_A_CARD)]
    found = []
    for row in answers[answers["wrong"]].to_dict("records"):
        of, subject = str(row["set"]), str(row["subject"])
        wrong, combinations = int(errors[of, subject]), int(asked[of, subject])
        known = features[shown].loc[[subject]].iloc[0].dropna()
        found.append(
            {
                **{key: row[key] for key in ("ablation", "set", "subject", "models")},
                "label": NAMES[int(row["label"])], "called": NAMES[int(row["predicted"])],
                "probability_rice": row["probability_rice"], "votes_rice": row["votes_rice"],
                "wrong_combinations": wrong, "combinations": combinations,
                "wrong_on_average": float(share[of]) * combinations,
                "features": json.dumps({str(k): round(float(v), 3) for k, v in known.items()}),
            }
        )  # fmt: skip
    return sorted(
        found,
        key=lambda r: (r["ablation"], r["set"] != "test", -abs(r["probability_rice"] - 0.5)),
    )


def main(argv: Sequence[str] | None = None) -> None:
    """Read predictions and features of a cohort, write the tables."""
    inputs = ("manifest", "validation*", "test*", "features*")
    outputs, values = ("subgroups", "failures", "missingness"), ("subjects", "reference")
    with step.Job("describe_cohort", argv, inputs=inputs, outputs=outputs, values=values) as job:
        args = job.args
        manifest, _ = dataset.read_manifest(args.manifest)
        validation, test = read_checked(args.validation, args.test, manifest)
        pairs = zip(json.loads(args.subjects), args.features, strict=True)
        features, groups = probe_groups.wide(probe_groups.read(dict(pairs)))
        answers, rows = answers_of(validation, test), []
        grouped = subgroups.groupings(features, args.reference)
        for (ablation, of), part in answers.groupby(["ablation", "set"], sort=False):
            own = subgroups.rows(part.set_index("subject"), grouped, job.settings)
            rows += [{"ablation": ablation, "set": of, **row} for row in own]
        missing = subgroups.missing_rows(
            features.drop(columns=[n for n in features if groups[str(n)] == "id"]), groups,
            manifest["label"], confidence=job.settings["confidence"],
        )  # fmt: skip
        job.fact("features", len(features.columns))
        job.fact("subjects", len(features))
        counts = {"errors": "Int64", "missed_rice": "Int64"}
        for path, found, columns in (
            (args.subgroups, rows, subgroups.SUBGROUP_COLUMNS),
            (args.failures, failures(answers, features), FAILURE_COLUMNS),
            (args.missingness, missing, subgroups.MISSING_COLUMNS),
        ):
            table = pd.DataFrame(found, columns=columns)
            types = {name: kind for name, kind in counts.items() if name in columns}
            tsv.write(job.stage(path), table.astype(types))
