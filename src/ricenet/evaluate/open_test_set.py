"""Note in the ledger that a cohort's test set is opened: under which plan, with which models.

Predictions, maps and figures of test subjects come after this step. Repeated with the same plan,
patients, models and code it is the same opening and adds no line. The ledger is no output, which
Snakemake would delete before each run: it is replaced as a whole, by a longer one. The plan is read
here and is no parameter of the rule: a plan that changes later predicts nobody again (see
``note_plan``).
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from ricenet import step
from ricenet.cohort import dataset, openings
from ricenet.config import analysis_plan, introduced
from ricenet.config.analysis_plan import AnalysisPlan
from ricenet.provenance import digests, steps, tsv


def digest_of_models(records: Iterable[dict[str, Any]]) -> str:
    """Return one digest of all models, whatever their order, from their records."""
    found = sorted(record["outputs"]["out"][0]["digest"] for record in records)
    return hashlib.sha256("\n".join(found).encode()).hexdigest()


def also_seen_in(folder: Path, patients: Sequence[str]) -> list[str]:
    """Return other cohorts of the study that have predicted some of these patients as a test.

    Parameters
    ----------
    folder : path
        Of the cohort.
    """
    found = []
    for manifest in sorted(folder.parent.glob("*/manifest.tsv")):
        other = manifest.parent
        if other == folder or not any(other.glob("*/test-predictions.tsv")):
            continue
        table = tsv.read(manifest)
        tested = set(table.loc[table["split"] == "test", "subject"])
        if tested & set(patients):
            found.append(other.name)
    return found


def today() -> str:
    """Return the day in UTC as the ledger writes it."""
    now = time.gmtime()
    return openings.day(now.tm_year, now.tm_mon, now.tm_mday)


def network_of(records: Sequence[dict[str, Any]]) -> str:
    """Return the network of the models, whose code predicts, from their records."""
    unnamed = introduced.LATER["train_model"]["model.network"]  # of models from before the choice
    found = sorted({record["facts"]["model"].get("network", unnamed) for record in records})
    if len(found) != 1:
        raise ValueError(f"the models are of {found}; train those of one network")
    return str(found[0])


def opening_of(job: step.Job, plan: AnalysisPlan, manifest: pd.DataFrame) -> dict[str, str]:
    """Return what is opened, as cells of a line of the ledger."""
    args = job.args
    patients = list(manifest.index[manifest["split"] == "test"])
    records = [job.read_record(path) for path in args.model_records]
    return {
        "plan": analysis_plan.digest(analysis_plan.text(plan)),
        "seen_before": plan.seen_before,
        "patients": str(len(patients)),
        "inputs": str(len({record["facts"]["model"]["ablation"] for record in records})),
        "manifest": digests.bytes_digest(args.manifest),
        "models": digest_of_models(records),
        "code": steps.code_hash("predict", network_of(records)),
        "also_seen_in": ",".join(also_seen_in(args.manifest.resolve().parent, patients)) or "none",
    }


def require_first(plan_record: Path, ledger: str) -> None:
    """Raise ``ValueError`` where a ledger is gone that the record of ``note_plan`` tells of."""
    if not plan_record.exists():
        return
    told = json.loads(plan_record.read_text(encoding="utf-8")).get("facts", {}).get("openings", 0)
    if told:
        raise ValueError(
            f"{ledger}: the ledger of {told} test openings is gone; put it back from a backup. "
            f"What was opened cannot be told without it"
        )


def main(argv: Sequence[str] | None = None) -> None:
    """Read plan, manifest and models' records; add a line where this opening is new."""
    inputs = ("manifest", "model-records*")
    with step.Job(
        "open_test_set", argv, inputs=inputs, outputs=(), raw=("plan",), values=("ledger",)
    ) as job:
        manifest, _ = dataset.read_manifest(job.args.manifest)
        plan = analysis_plan.read(job.args.plan)
        path = job.record_path.with_name(job.args.ledger)
        before = len(openings.read(path))
        if not before:
            require_first(job.record_path.with_name("analysis-plan.json"), path.name)
        lines = openings.append(path, opening_of(job, plan, manifest), today())
        if len(lines) > before:
            job.say(f"line {len(lines)} of the ledger: {lines[-1]['patients']} test patients")
        job.fact("openings", len(lines))
        job.fact("plan", json.loads(analysis_plan.text(plan)))
