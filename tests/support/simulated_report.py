"""The report of a cohort whose predictions are drawn: to hold in tests, and to look at.

``python tests/support/simulated_report.py FOLDER`` writes pages to look at: 92 patients, 12, and
networks that give everybody the same answer.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from boards import cache
from ricenet.config import analysis_plan
from ricenet.evaluate import (
    added_value,
    calibrate,
    contrasts,
    decisions,
    describe_cohort,
    evaluate,
    probes,
    subgroups,
)
from ricenet.provenance import tsv
from ricenet.provenance.atomic import write_json
from ricenet.report import report
from simulated_predictions import manifest, predictions

SKILLS = {
    "postop": 0.4, "event": 0.6, "dose": 1.6, "postop-event": 0.7, "postop-dose": 1.7,
    "event-dose": 1.8, "postop-event-dose": 2.0,
}  # fmt: skip
SETTINGS = {"confidence": 0.95, "bootstrap_samples": 20, "seed": 1, "prevalences": [0.18]}
CALIBRATE = {
    "confidence": 0.95,
    "cost_ratio": 1.0,
    "conformal_alpha": [0.1],
    "draws": 20,
    "seed": 1,
}
PROBES = {"confidence": 0.95, "inner_folds": 3, "seed": 1}
NO_DIGEST = "none: a simulation, nothing was verified"
AUDIT = [
    "record", "step", "subject", "check", "value", "unit", "at_least", "at_most", "verdict",
    "reason",
]  # fmt: skip


def bytes_digest_of(subject: object) -> str:
    """Return a digest of its own for each drawn subject's volume."""
    return hashlib.sha256(str(subject).encode()).hexdigest()


def features_of(cohort: pd.DataFrame) -> pd.DataFrame:
    """Draw some features of each subject; the dose alone knows something."""
    rng, label = np.random.default_rng(3), cohort["label"].to_numpy()
    return pd.DataFrame(
        {
            "dose_hottest_gy": 60 + 3 * label + 2 * rng.normal(size=len(label)),
            "event_slice_mm": rng.choice([1.0, 5.0], size=len(label)),
            "event_after_radiotherapy_d": rng.integers(60, 900, size=len(label)).astype(float),
        },
        index=cohort.index,
    )


def probe_tables(
    cohort: pd.DataFrame, validation: pd.DataFrame, features: pd.DataFrame
) -> dict[str, pd.DataFrame]:
    """Fit probes of three groups, as the step does."""
    columns = {
        "dose_max": features[["dose_hottest_gy"]], "scanner": features[["event_slice_mm"]],
        "id": pd.DataFrame({"id_1": np.random.default_rng(5).random(len(cohort))}, cohort.index),
    }  # fmt: skip
    found = probes.probed(columns, cohort, PROBES)
    beyond = probes.added(validation, found.out_of_fold, PROBES)
    return {
        "probes": pd.DataFrame(found.rows, columns=probes.COLUMNS),
        "added_value": pd.DataFrame(beyond, columns=added_value.COLUMNS),
        "probe_predictions": found.predictions(),
        "probe_decision": decisions.as_table(
            probes.decision_rows(found, cohort, PROBES), probes.DECISION_COLUMNS
        ),
    }


def tables_of(
    cohort: pd.DataFrame, validation: pd.DataFrame, test: pd.DataFrame, *, probed: bool
) -> dict[str, pd.DataFrame]:
    """Make all tables that the report takes besides the metrics, by kind of file."""
    made = calibrate.tables(validation, test, CALIBRATE)
    found = {"calibration_curve" if k == "curve" else k: v for k, v in made.items()}
    features = features_of(cohort)
    answers = describe_cohort.answers_of(validation, test)
    grouped, rows = subgroups.groupings(features, "event"), []
    for (ablation, of), part in answers.groupby(["ablation", "set"], sort=False):
        own = subgroups.rows(part.set_index("subject"), grouped, {"confidence": 0.95, "minimum": 5})
        rows += [{"ablation": ablation, "set": of, **row} for row in own]
    found["subgroups"] = pd.DataFrame(rows, columns=subgroups.SUBGROUP_COLUMNS)
    failures = describe_cohort.failures(answers, features)
    found["failures"] = pd.DataFrame(failures, columns=describe_cohort.FAILURE_COLUMNS)
    found["missingness"] = pd.DataFrame(columns=subgroups.MISSING_COLUMNS)
    return found | (probe_tables(cohort, validation, features) if probed else {})


def page(
    folder: Path, *, train: int = 80, test: int = 12, folds: int = 5, seed: int = 0,
    constant: bool = False, probed: bool = False, skills: dict[str, float] = SKILLS,
    arguments: dict[str, list[str]] | None = None,
) -> str:  # fmt: skip
    """Write the report of a drawn cohort and return its text.

    Parameters
    ----------
    constant : bool
        Networks that call everybody recurrence.
    probed : bool
        With probes, which takes seconds.
    arguments : dict of str to list of str, optional
        Further flags of the step.
    """
    folder.mkdir(parents=True, exist_ok=True)
    cohort = manifest(train, test, folds)
    validation, tested = predictions(cohort, skills, seed=seed)
    if constant:
        for table in (validation, tested):
            table["probability_rice"] *= 0.49
    root = folder / "cohorts" / "c1"
    (root / "evaluation").mkdir(parents=True, exist_ok=True)
    metrics, summary = evaluate.evaluate(validation, tested, SETTINGS)
    pairs = analysis_plan.against_fewer(list(skills), alone=True) if len(skills) > 1 else []
    compared = contrasts.contrasts(validation, tested, pairs, SETTINGS)
    summary["contrasts"] = compared.to_dict("records")
    tables = tables_of(cohort, validation, tested, probed=probed)
    for kind, table in {"metrics": metrics, **tables}.items():
        tsv.write(root / "evaluation" / f"{kind}.tsv", table)
    write_json(root / "evaluation" / "metrics.json", evaluate.without_nan(summary))
    own = [bytes_digest_of(subject) for subject in cohort.index]
    written = cohort.assign(cache="../../caches/x.npy", digest=own)
    tsv.write(root / "manifest.tsv", written.reset_index(drop=True))
    facts = {"channels": ["postop", "event", "dose"], "kinds": ["mri", "mri", "dose"]}
    write_json(root / "manifest.json", {"facts": {**facts, "spacing_mm": 1.0, "shape": [8, 8, 8]}})
    tsv.write(root / "validation.tsv", validation)
    tsv.write(root / "test.tsv", tested)
    counted = ("m.json", "manifest", "", "subjects", len(cohort), "", 2, "", "pass", "")
    audit = pd.DataFrame([counted], columns=AUDIT)
    tsv.write(folder / "records.tsv", audit)
    write_json(
        folder / "audit.json",
        {"facts": {"root_digest": NO_DIGEST, "files": 1}},
    )
    for subject in cohort.index:
        cache(folder, str(subject))
    report.main(flags(folder, cohort, list(tables), arguments or {}))
    return (root / "report" / "index.html").read_text(encoding="utf-8")


def outputs_beside(folder: Path) -> dict[str, list[Path]]:
    """Return the flags of what the step writes besides the page."""
    names = {"sheets": "reporting-sheets.tsv", "methods": "methods.md", "card": "model-card.md"}
    return {flag: [folder / name] for flag, name in names.items()}


def flags(
    folder: Path, cohort: pd.DataFrame, kinds: list[str], more: dict[str, list[str]]
) -> list[str]:
    """Return the command line of the step."""
    root = folder / "cohorts" / "c1"
    at = root / "evaluation"
    given: dict[str, list[Any]] = {
        "summary": [at / "metrics.json"], "metrics": [at / "metrics.tsv"],
        "manifest": [root / "manifest.tsv"], "validation": [root / "validation.tsv"],
        "test": [root / "test.tsv"], "comparison": [], "overviews": [], "occlusions": [],
        "importance": [], "map-statistics": [], "counterfactuals": [],
        "tables": [at / f"{k}.tsv" for k in kinds],
        "tabled": [json.dumps(kinds)], "audit": [folder / "records.tsv"],
        "audit-record": [folder / "audit.json"], "statements": [],
        "subjects": [json.dumps(list(cohort.index))],
        "excluded": ["{}"], "accepted": ["{}"], "pictured": ["[]"], "mapped": ["[]"],
        "out": [root / "report" / "index.html"], **outputs_beside(root / "report"),
        "record": [root / "report" / "report.json"],
        "settings": [json.dumps({"title": "Simulated predictions", "synthetic": True})], **more,
    }  # fmt: skip
    return [str(x) for flag, values in given.items() for x in (f"--{flag}", *values)]


if __name__ == "__main__":
    to = Path(sys.argv[1])
    page(to / "n92", probed=True)
    page(to / "n92-constant", constant=True)
    page(to / "n12", train=8, test=4, folds=2)
