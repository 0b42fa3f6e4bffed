"""Metrics of all ablations from the stored predictions, with confidence intervals.

Nothing is predicted here. Predictions that do not fit the manifest are refused: a subject missing,
twice, in another fold or split, or with another label.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pandas as pd

from ricenet import step
from ricenet.cohort import dataset, openings
from ricenet.config import analysis_plan
from ricenet.config.analysis_plan import AnalysisPlan
from ricenet.evaluate import contrasts, marks
from ricenet.evaluate.check_predictions import read_checked
from ricenet.evaluate.results import Row, results_on_test, results_on_validation
from ricenet.provenance import atomic, tsv
from ricenet.statistics import exact, published
from ricenet.statistics.reported import Reported, interval

COLUMNS = [
    "ablation", "set", "aggregate", "which", "metric", "value", "low", "high", "sd", "n",
    "method", "coverage", "errors", "prevalence", "plan",
]  # fmt: skip


def published_figure(of: str, ablation: str, *, confidence: float) -> Row | None:
    """Return the published macro F1 of a set and ablation with its own interval, if printed."""
    entry = published.FIGURES.get((of, ablation))
    if entry is None or entry["macro_f1"] is None:
        return None
    n1, n0 = (published.PATIENTS[of][name] for name in ("rice", "recurrence"))
    known = []
    if "true_positive" in entry:
        known.append(exact.Table(entry["true_positive"], entry["true_negative"], n1, n0))
    found = interval(Reported(entry["macro_f1"], n1, n0), known, confidence=confidence)
    right = f"{known[0].true_positive + known[0].true_negative} of {n1 + n0} right" if known else ""
    return {**found._asdict(), "n": n1 + n0, "right": right, "of": entry["of"]}


def evaluate(
    validation: pd.DataFrame, test: pd.DataFrame, settings: dict[str, Any]
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Compute the long table and the summary of all ablations from checked predictions."""
    rows: list[Row] = []
    summary: dict[str, Any] = {}
    confidence = settings["confidence"]
    wanted = {"confidence": confidence, "prevalences": settings["prevalences"]}
    for ablation, part in validation.groupby("ablation", sort=False):
        name = str(ablation)
        validated, by_epoch = results_on_validation(part, wanted)
        tested, of_test = results_on_test(test[test["ablation"] == name], wanted)
        rows += [{"ablation": name, "set": "validation", **row} for row in validated]
        rows += [{"ablation": name, "set": "test", **row} for row in tested]
        summary[name] = {
            "validation": {
                **by_epoch["last"],
                "best_epoch_optimistic": by_epoch["best"],
                "published_macro_f1": published.PUBLISHED_VALIDATION_F1.get(name),
                "published": published_figure("validation", name, confidence=confidence),
            },
            "test": {
                **of_test,
                "published_macro_f1": published.PUBLISHED_TEST_F1.get(name),
                "published": published_figure("test", name, confidence=confidence),
            },
        }
    table = pd.DataFrame(rows, columns=COLUMNS).astype({"errors": "Int64"})
    return table, {"ablations": summary, "settings": settings}


def with_planned(settings: dict[str, Any], plan: AnalysisPlan | None) -> dict[str, Any]:
    """Return the settings with the plan's prevalences beside their own."""
    more = plan.prevalences if plan else []
    return {**settings, "prevalences": list(dict.fromkeys((*settings["prevalences"], *more)))}


def without_nan(value: Any) -> Any:
    """Return a copy of nested dicts and lists, NaN as None: JSON has no NaN."""
    if isinstance(value, dict):
        return {key: without_nan(v) for key, v in value.items()}
    if isinstance(value, list):
        return [without_nan(v) for v in value]
    return None if isinstance(value, float) and math.isnan(value) else value


def main(argv: Sequence[str] | None = None) -> None:
    """Read manifest and predictions, check them against each other, write the metrics."""
    inputs, values = ("manifest", "validation*", "test*", "openings*"), ("plan?", "test-set?")
    outputs = ("out", "summary", "contrasts")
    with step.Job("evaluate", argv, inputs=inputs, outputs=outputs, values=values) as job:
        manifest, _ = dataset.read_manifest(job.args.manifest)
        validation, test = read_checked(job.args.validation, job.args.test, manifest)
        ablations = list(validation["ablation"].unique())
        plan = analysis_plan.parse(job.args.plan)
        lines = [line for path in job.args.openings for line in openings.read(path)]
        why = marks.standing(plan, job.args.plan, lines)
        pairs = [(a, b) for a, b in job.settings["contrasts"] or ()]
        if job.settings["contrasts"] is None:
            pairs = analysis_plan.against_fewer(ablations, alone=True)
        table, summary = evaluate(validation, test, with_planned(job.settings, plan))
        table["plan"] = [marks.of_figure(row, plan, why) for row in table.to_dict("records")]
        planned, ensemble = (plan.pairs, plan.ensemble) if plan else ([], "vote")
        compared = contrasts.with_planned(validation, test, planned, pairs, job.settings, ensemble)
        compared["plan"] = [
            marks.of_contrast(row, plan, why) for row in compared.to_dict("records")
        ]
        summary["contrasts"] = compared.to_dict("records")
        summary["test_set"] = marks.summary(plan, why, lines, job.args.test_set)
        job.fact("methods", sorted(set(table["method"].dropna())))
        job.fact("contrasts", compared[["first", "second"]].drop_duplicates().values.tolist())
        job.fact("planned_figures", int((table["plan"] == marks.PLANNED).sum()))
        job.fact("after_the_fact", why._asdict())
        tsv.write(job.stage(job.args.out), table)
        tsv.write(job.stage(job.args.contrasts), compared)
        atomic.write_json(job.stage(job.args.summary), without_nan(summary))
