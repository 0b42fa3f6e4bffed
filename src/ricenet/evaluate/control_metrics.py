"""The study's figures beside those of its controls: permuted labels, other seeds, fewer subjects.

A network that learned from permuted labels must do as well as chance on held-out subjects, whose
labels are permuted, too: one that does better has seen them somewhere between the manifest and the
predictions. What the labels leave in the images before the manifest (a leak into the caches, or a
shortcut in the data) it cannot show: there the study itself is too good, and permuted labels know
nothing of it. Scatter by seeds and the gain by more subjects are description, not inference.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import norm

from ricenet import step
from ricenet.cohort import dataset
from ricenet.cohort.control_manifest import LEARNING, PERMUTATION, SEED, parts_of
from ricenet.cohort.prediction_table import VALIDATION_COLUMNS, read_predictions
from ricenet.evaluate.check_predictions import check_subjects, require_results
from ricenet.provenance import tsv
from ricenet.statistics import roc
from ricenet.statistics.confusion import macro_f1
from ricenet.statistics.metrics import predicted_class

Row = dict[str, Any]
COLUMNS = ["control", "kind", "number", "ablation", "set", "n", "macro_f1", "auc"]
SUMMARY_COLUMNS = [
    "control", "ablation", "metric", "n", "runs", "observed", "at_least", "p", "smallest_p",
    "mean", "sd", "lowest", "highest", "chance_low", "chance_high", "p_leak", "verdict",
]  # fmt: skip
SET = "control, out of fold"
METRICS = ("macro_f1", "auc")
NO_LEAK, LEAK = (
    "no leak seen",
    "a leak: permuted labels are predicted better or worse than by chance",
)


class Figures(NamedTuple):
    """Out-of-fold figures of one training of all folds, and sizes of the classes by fold."""

    n: int
    macro_f1: float
    auc: float
    sizes: list[tuple[int, int]]


def figures_of(table: pd.DataFrame) -> Figures:
    """Return macro F1, pooled, and AUC, within folds, of validation predictions."""
    own = table[table["which"] == "last"].sort_values("subject")
    labels, rice = own["label"].to_numpy(dtype=int), own["probability_rice"].to_numpy()
    folds = own["fold"].to_numpy()
    area = float(roc.delong(labels, rice, folds).values[0])
    f1 = macro_f1(labels, predicted_class(rice))
    return Figures(len(own), f1, area, roc.class_sizes(labels, folds))


def p_of_permutations(observed: float, permuted: Sequence[float]) -> tuple[int, float]:
    """Return how many permutations do at least as well, and p = (1 + k) / (1 + m).

    The study itself counts as one (Phipson and Smyth, Stat Appl Genet Mol Biol 9:39, 2010).
    """
    at_least = sum(value >= observed for value in permuted)
    return at_least, (1 + at_least) / (1 + len(permuted))


def summary_row(
    kind: str, metric: str, observed: Figures, runs: Sequence[Figures], *, confidence: float
) -> Row:
    """Return one figure of the study beside that of all controls of a kind."""
    values = np.array([getattr(run, metric) for run in runs])
    value = getattr(observed, metric)
    row: Row = {
        "control": kind, "metric": metric, "n": observed.n, "runs": len(runs), "observed": value,
        "lowest": values.min(), "highest": values.max(), "mean": values.mean(),
        "sd": values.std(ddof=1) if len(values) > 1 else math.nan,
    }  # fmt: skip
    if kind != PERMUTATION:
        return row
    at_least, p = p_of_permutations(value, values.tolist())
    row |= {"at_least": at_least, "p": p, "smallest_p": 1 / (1 + len(values))}
    return row | (_by_chance(values, runs, confidence) if metric == "auc" else {})


def _by_chance(areas: NDArray, runs: Sequence[Figures], confidence: float) -> Row:
    """Return where an area of permuted labels lies by chance, and whether one lies elsewhere.

    The smallest p of all runs, times their number (Bonferroni).
    """
    half = float(norm.ppf((1 + confidence) / 2)) * roc.deviation_by_chance(runs[0].sizes)
    each = [roc.p_by_chance(float(a), run.sizes) for a, run in zip(areas, runs, strict=True)]
    p = min(1.0, min(each) * len(each))
    return {
        "chance_low": max(0.0, 0.5 - half), "chance_high": min(1.0, 0.5 + half), "p_leak": p,
        "verdict": NO_LEAK if p > 1 - confidence else LEAK,
    }  # fmt: skip


def tables(
    observed: pd.DataFrame, controls: dict[tuple[str, str], pd.DataFrame], *, confidence: float
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return a row for each control, and the summary by kind; shares of subjects one by one.

    Parameters
    ----------
    controls : dict of (str, str) to DataFrame
        Validation predictions by control and input combination.
    """
    rows: list[tuple] = []
    grouped: dict[tuple[str, str], list[Figures]] = {}
    for (control, ablation), table in controls.items():
        kind, number = parts_of(control)
        found = figures_of(table)
        rows.append((control, kind, number, ablation, SET, found.n, found.macro_f1, found.auc))
        name = control if kind == LEARNING else kind
        grouped.setdefault((name, ablation), []).append(found)
    summary = []
    for (name, ablation), runs in grouped.items():
        own = figures_of(observed[observed["ablation"] == ablation])
        for metric in METRICS:
            row = summary_row(name, metric, own, runs, confidence=confidence)
            summary.append({"ablation": ablation, **row})
    table = pd.DataFrame(summary, columns=SUMMARY_COLUMNS).astype({"at_least": "Int64"})
    return pd.DataFrame(rows, columns=COLUMNS), table


def read_controls(paths: Sequence[Path], of: Sequence[Sequence[str]]) -> dict:
    """Read the predictions of controls, by control and input combination."""
    by_name: dict[tuple[str, str], list[Path]] = {}
    for path, (control, ablation) in zip(paths, of, strict=True):
        by_name.setdefault((control, ablation), []).append(path)
    return {name: read_predictions(files, VALIDATION_COLUMNS) for name, files in by_name.items()}


def main(argv: Sequence[str] | None = None) -> None:
    """Read predictions of the study and of its controls, write both tables."""
    inputs, outputs = ("manifest", "observed*", "controls*"), ("out", "summary")
    with step.Job("control_metrics", argv, inputs=inputs, outputs=outputs, values=("of",)) as job:
        args = job.args
        manifest, _ = dataset.read_manifest(args.manifest)
        require_results(args.observed)
        observed = read_predictions(args.observed, VALIDATION_COLUMNS)
        controls = read_controls(args.controls, json.loads(args.of))
        train = manifest[manifest["split"] == "train"]
        for (control, ablation), table in controls.items():
            own = table[table["which"] == "last"]
            truth = train
            if parts_of(control)[0] == PERMUTATION:  # its labels are not the manifest's
                truth = train.assign(label=own.set_index("subject")["label"])
            check_subjects(own, truth, f"control {control} of {ablation}")
        confidence = job.settings["confidence"]
        found, summary = tables(observed, controls, confidence=confidence)
        job.fact("controls", {kind: int((found["kind"] == kind).sum())
                              for kind in (PERMUTATION, SEED, LEARNING)})  # fmt: skip
        tsv.write(job.stage(args.out), found)
        tsv.write(job.stage(args.summary), summary)
