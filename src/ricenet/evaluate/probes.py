"""The step ``probes``: models with few features, in the same folds as the networks.

Probes see what records and simple measurements hold: dose maximum, scanner, times, what is missing.
Where one does as well as a network, the network's figures are no evidence that it reads images.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import norm

from ricenet import step
from ricenet.cohort import dataset
from ricenet.cohort.prediction_table import VALIDATION_COLUMNS, read_predictions
from ricenet.evaluate import added_value, contrasts, decisions, probe_groups, probe_models
from ricenet.evaluate.calibration import Predictions
from ricenet.evaluate.check_predictions import check_validation, require_results
from ricenet.evaluate.few_patients import fewest
from ricenet.evaluate.probe_groups import CONTROL, GROUPS
from ricenet.provenance import tsv
from ricenet.statistics import roc
from ricenet.statistics.estimates import figures
from ricenet.statistics.family import holm
from ricenet.statistics.methods import FEWEST
from ricenet.statistics.metrics import predicted_class

Row = dict[str, Any]
COLUMNS = [
    "group", "kind", "model", "set", "n", "features", "auc", "low", "high", "null_low",
    "null_high", "p", "macro_f1", "macro_f1_low", "macro_f1_high", "note", "used", "measured",
    "p_holm",
]  # fmt: skip
LOCKED = "locked"  # test subjects are not predicted by a probe, either
DECISION_COLUMNS = ["group", "model", *(c for c in decisions.DECISION_COLUMNS if c != "ablation")]
PREDICTION_COLUMNS = ["group", "model", "set", "subject", "probability_rice"]


def figures_of(labels: NDArray, rice: NDArray, folds: NDArray | None, *, confidence: float) -> Row:
    """Return AUC and macro F1 of a probe with intervals, and the range of the AUC by chance."""
    sizes = roc.class_sizes(labels, folds)
    value = float(roc.delong(labels, rice, folds).values[0])
    area = roc.newcombe(value, sizes, confidence=confidence)
    found = figures(labels, predicted_class(rice), None, confidence=confidence, prevalences=())
    f1 = next(figure.estimate for figure in found if figure.metric == "macro_f1")
    deviation = roc.deviation_by_chance(sizes)
    half = float(norm.ppf((1 + confidence) / 2)) * deviation
    row = {
        "n": len(labels), "auc": area.value, "low": area.low, "high": area.high,
        "null_low": max(0.0, 0.5 - half), "null_high": min(1.0, 0.5 + half),
        "p": roc.p_by_chance(value, sizes),
        "macro_f1": f1.value, "macro_f1_low": f1.low, "macro_f1_high": f1.high,
    }  # fmt: skip
    if fewest(labels) < FEWEST:  # as on the page: of so few neither limits nor p
        row |= dict.fromkeys(("low", "high", "p", "macro_f1_low", "macro_f1_high"), np.nan)
    return row


class Probed(NamedTuple):
    """What the probes of a cohort found.

    Attributes
    ----------
    rows : list of dict
        One a group, model and set.
    out_of_fold, tested : dict of (str, str) to Series
        Probabilities of RICE of training and of test subjects, by group and model.
    """

    rows: list[Row]
    out_of_fold: dict[tuple[str, str], pd.Series]
    tested: dict[tuple[str, str], pd.Series]

    def predictions(self) -> pd.DataFrame:
        """Return all probabilities as one table."""
        found = [
            pd.DataFrame(
                {"group": group, "model": model, "set": of, "subject": rice.index,
                 "probability_rice": rice.to_numpy()}
            )
            for of, probes in (("validation", self.out_of_fold), ("test", self.tested))
            for (group, model), rice in probes.items()
        ]  # fmt: skip
        empty = pd.DataFrame(columns=PREDICTION_COLUMNS)
        return pd.concat(found, ignore_index=True) if found else empty


def probed(
    columns: Mapping[str, pd.DataFrame], manifest: pd.DataFrame, settings: Row,
    measured: Mapping[str, int] | None = None,
) -> Probed:  # fmt: skip
    """Fit the probes of all groups, out of fold and for test subjects.

    Parameters
    ----------
    measured : mapping of str to int
        How many features a group has, also those that do not vary; unknown where it is not there.
    settings : dict
        confidence, inner_folds, seed.
    """
    train, test = (manifest[manifest["split"] == split] for split in ("train", "test"))
    labels, folds = train["label"].to_numpy(), train["fold"].to_numpy()
    inner = {"inner_folds": settings["inner_folds"], "seed": settings["seed"]}
    confidence, collected = settings["confidence"], Probed([], {}, {})
    for group, features in columns.items():
        own = {"group": group, "kind": GROUPS[group].kind, "features": features.shape[1]}
        own |= {"n": len(labels), "used": ", ".join(map(str, features))}
        own["measured"] = (measured or {}).get(group, "")
        why = not_made(labels, features.shape[1])
        for model in probe_models.MODELS:
            if why:
                collected.rows.append({**own, "model": model, "set": "validation", "note": why})
                continue
            x, new = (features.loc[patients.index].to_numpy() for patients in (train, test))
            rice = probe_models.out_of_fold(model, x, labels, folds, **inner)
            collected.out_of_fold[group, model] = pd.Series(rice, index=train.index)
            results = figures_of(labels, rice, folds, confidence=confidence)
            collected.rows.append({**own, "model": model, "set": "validation", **results})
            tested = test["label"].to_numpy()
            rice = probe_models.of_new(model, x, labels, new, **inner)
            collected.tested[group, model] = pd.Series(rice, index=test.index)
            if len(np.unique(tested)) == 2:
                results = figures_of(tested, rice, None, confidence=confidence)
                collected.rows.append({**own, "model": model, "set": "test", **results})
    correct(collected.rows)
    return collected


def correct(rows: list[Row]) -> None:
    """Give the rows of each set their p values by Holm over all its probes; a control is none."""
    for of in ("validation", "test"):
        own = [
            r for r in rows
            if r["set"] == of and r["kind"] != CONTROL and np.isfinite(r.get("p", np.nan))
        ]  # fmt: skip
        for row, p in zip(own, holm(np.array([r["p"] for r in own])), strict=True):
            row["p_holm"] = float(p)


def not_made(labels: NDArray, features: int) -> str:
    """Return why a probe is not made; empty where it is."""
    if (smaller := fewest(labels)) < FEWEST:
        return f"not made: {smaller} training patients of the smaller class, fewer than {FEWEST}"
    return (
        ""
        if features
        else "not made: no feature of this group is known and varies between patients"
    )


def added(
    validation: pd.DataFrame, probes: Mapping[tuple[str, str], pd.Series], settings: Row
) -> list[Row]:
    """Return what each network adds to each probe, on validation subjects."""
    answers = contrasts.out_of_fold(validation)
    folds = np.asarray(answers.folds)
    subjects = sorted(validation["subject"].unique())
    return [
        {
            "ablation": ablation,
            "model": model,
            **added_value.row(
                group, answers.labels, rice, probe.loc[subjects].to_numpy(), folds,
                confidence=settings["confidence"],
            ),
        }
        for ablation, rice in answers.rice.items()
        for (group, model), probe in probes.items()
    ]  # fmt: skip


def decision_rows(found: Probed, manifest: pd.DataFrame, settings: Row) -> list[Row]:
    """Return the decision curve of each probe, by the thresholds and versions of the networks'.

    Parameters
    ----------
    settings : dict
        confidence.
    """
    rows = []
    for (group, model), rice in found.out_of_fold.items():
        own = manifest.loc[rice.index]
        known = Predictions(own["label"].to_numpy(), rice.to_numpy(), own["fold"].to_numpy())
        tested = found.tested[group, model]
        labels = manifest.loc[tested.index, "label"].to_numpy()
        sets = {"validation": known, "test": Predictions(labels, tested.to_numpy(), None)}
        for of, predictions in sets.items():
            if len(predictions.labels):
                made = decisions.decision_rows(predictions, known, settings)
                rows += [{"group": group, "model": model, "set": of, **row} for row in made]
    return rows


def main(argv: Sequence[str] | None = None) -> None:
    """Read predictions and features of the cohort, fit the probes, write the tables."""
    inputs, outputs = (
        ("manifest", "validation*", "features*"),
        ("probes", "added-value", "predictions", "decision"),
    )
    values = ("subjects", "test-set?")
    with step.Job("probes", argv, inputs=inputs, outputs=outputs, values=values) as job:
        args = job.args
        manifest, _ = dataset.read_manifest(args.manifest)
        if args.test_set == LOCKED:
            manifest = manifest[manifest["split"] == "train"]
        require_results(args.validation)
        validation = read_predictions(args.validation, VALIDATION_COLUMNS)
        check_validation(validation, manifest)
        pairs = zip(json.loads(args.subjects), args.features, strict=True)
        features, groups = probe_groups.wide(probe_groups.read(dict(pairs)))
        training = list(manifest.index[manifest["split"] == "train"])
        columns = probe_groups.columns_of(features, groups, training)
        found = probed(columns, manifest, job.settings, Counter(groups.values()))
        beyond = added(validation, found.out_of_fold, job.settings)
        job.fact("features", {group: list(map(str, table)) for group, table in columns.items()})
        tsv.write(job.stage(args.probes), pd.DataFrame(found.rows, columns=COLUMNS))
        tsv.write(job.stage(args.predictions), found.predictions())
        curves = decision_rows(found, manifest, job.settings)
        tsv.write(job.stage(args.decision), decisions.as_table(curves, DECISION_COLUMNS))
        tsv.write(job.stage(args.added_value), pd.DataFrame(beyond, columns=added_value.COLUMNS))
