"""The step ``compare``: the ensembles of two cohorts on their common test subjects.

Each subject is predicted by both, so everything here is paired. The predictions of the other cohort
are taken as they were stored; nothing is predicted or trained again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ricenet import step
from ricenet.cohort import dataset
from ricenet.cohort.prediction_table import TEST_COLUMNS, read_predictions
from ricenet.evaluate.contrasts import judgement
from ricenet.provenance import tsv
from ricenet.statistics import confusion, family, metrics, paired

COLUMNS = (
    "ablation", "other", "n", "macro_f1", "macro_f1_other", "difference", "low", "high",
    "only_right", "only_right_other", "p", "smallest_p", "accuracy_difference", "accuracy_low",
    "accuracy_high", "p_holm", "detectable", "detectable_at_best", "verdict",
)  # fmt: skip


def ensemble_votes(table: pd.DataFrame) -> pd.Series:
    """Return the class that each test subject gets by majority vote.

    Parameters
    ----------
    table : DataFrame
        Predictions of one ablation: columns fold, subject, probability_rice.
    """
    wide = table.pivot(index="fold", columns="subject", values="probability_rice")
    return pd.Series(metrics.majority_vote(wide.to_numpy()), index=wide.columns)


def compared(
    labels: NDArray, mine: NDArray, theirs: NDArray, settings: dict[str, Any]
) -> dict[str, Any]:
    """Return how two ensembles differ on the same subjects.

    Parameters
    ----------
    labels, mine, theirs : (N,) int array
        True classes, classes by this ensemble and by the other.
    settings : dict
        confidence, bootstrap_samples, seed.
    """
    n, confidence = len(labels), settings["confidence"]
    test = paired.mcnemar(mine == labels, theirs == labels)
    accuracy = paired.tango(test.only_first, test.only_second, n, confidence=confidence)
    f1 = paired.macro_f1_difference(
        labels, mine, theirs, draws=settings["bootstrap_samples"], confidence=confidence,
        seed=settings["seed"],
    )  # fmt: skip
    return {
        "n": n,
        "macro_f1": confusion.macro_f1(labels, mine),
        "macro_f1_other": confusion.macro_f1(labels, theirs),
        "difference": f1.value,
        "low": f1.low,
        "high": f1.high,
        "only_right": test.only_first,
        "only_right_other": test.only_second,
        "p": test.p,
        "smallest_p": test.smallest_p,
        "accuracy_difference": accuracy.value,
        "accuracy_low": accuracy.low,
        "accuracy_high": accuracy.high,
    }


def judged(rows: Sequence[dict[str, Any]], *, confidence: float) -> list[dict[str, Any]]:
    """Add the verdict to each row, corrected over all rows by Holm's method."""
    adjusted = family.holm(np.array([row["p"] for row in rows]))
    return [
        {
            **row,
            "p_holm": float(p),
            **judgement(
                row["only_right"] + row["only_right_other"], float(p), row["n"],
                level=1 - confidence, tests=len(rows),
            ),
        }
        for row, p in zip(rows, adjusted, strict=True)
    ]  # fmt: skip


def read_those_of(path: Path, cohort: str) -> pd.DataFrame:
    """Read the test predictions of an ablation of a cohort.

    Raises
    ------
    ValueError
        No such file: the cohort has no test subjects, or was not evaluated.
    """
    if not path.is_file():
        raise ValueError(
            f"{path.name} of cohort {cohort} does not exist; run the target 'evaluate' with that "
            f"cohort, or remove it from compare.cohorts"
        )
    return read_predictions([path], TEST_COLUMNS)


def rows_of(
    test: pd.DataFrame,
    mine: Mapping[str, pd.DataFrame],
    others: Mapping[tuple[str, str], pd.DataFrame],
    settings: dict[str, Any],
) -> pd.DataFrame:
    """Return one row for each ablation and other cohort; none where no test subject is common.

    Parameters
    ----------
    test : DataFrame
        Test subjects of this cohort with their labels.
    mine : mapping of str to DataFrame
        Test predictions of each ablation.
    others : mapping of (str, str) to DataFrame
        The same, of each other cohort and ablation.
    """
    rows = []
    for (cohort, ablation), predictions in others.items():
        theirs, votes = ensemble_votes(predictions), ensemble_votes(mine[ablation])
        common = [s for s in votes.index if s in theirs.index]
        if common:
            labels = test.loc[common, "label"].to_numpy()
            found = compared(labels, votes[common].to_numpy(), theirs[common].to_numpy(), settings)
            rows.append({"ablation": ablation, "other": cohort, **found})
    rows = judged(rows, confidence=settings["confidence"])
    return pd.DataFrame(rows, columns=list(COLUMNS))


def main(argv: Sequence[str] | None = None) -> None:
    """Read the predictions of both cohorts, compare, write one table."""
    inputs, values = ("manifest", "mine*", "others*"), ("ablations",)
    with step.Job("compare", argv, inputs=inputs, values=values) as job:
        args, ablations = job.args, json.loads(job.args.ablations)
        manifest, _ = dataset.read_manifest(args.manifest)
        test = manifest[manifest["split"] == "test"]
        settings = {k: v for k, v in job.settings.items() if k != "cohorts"}
        mine = {
            ablation: read_those_of(path, "this study")
            for ablation, path in zip(ablations, args.mine, strict=True)
        }
        pairs = zip(product(job.settings["cohorts"], ablations), args.others, strict=True)
        others = {pair: read_those_of(path, pair[0]) for pair, path in pairs}
        table = rows_of(test, mine, others, settings)
        job.fact("common_test_subjects", sorted(set(table["n"].tolist())))
        tsv.write(job.stage(args.out), table)
