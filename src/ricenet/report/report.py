"""The report of a study: one HTML page that needs nothing but itself.

Pictures are embedded, there is no script, and nothing is fetched: the page can be mailed, archived
and printed. Numbers come from the tables of earlier steps; nothing is computed here but counts.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import ricenet
from ricenet import step
from ricenet.cohort import dataset
from ricenet.evaluate.check_predictions import read_checked
from ricenet.provenance import digests, software, tsv
from ricenet.report import (
    cohort,
    evaluated,
    model_card,
    page,
    patient_plots,
    records,
    reporting,
    results,
    sheets,
    statements,
)
from ricenet.report.explain_tables import explanations
from ricenet.report.known import Known
from ricenet.report.reporting import Reporting
from ricenet.report.results import Answered
from ricenet.report.subjects import (
    as_row,
    checks_of,
    counts,
    failed,
    own_checks,
    subject_sections,
)
from ricenet.study import board, layout, study_folder, synthetic


def read_table(path: Path) -> list[dict[str, str]]:
    """Return the rows of a tab-separated file, all values as text."""
    table = tsv.read(path)
    return [{str(k): str(v) for k, v in row.items()} for row in table.to_dict("records")]


def tables_of(job: step.Job) -> dict[str, list[dict[str, str]]]:
    """Return the rows of further tables by their kind, a key of the layout's files."""
    kinds = zip(json.loads(job.args.tabled), job.args.tables, strict=True)
    return {kind: read_table(path) for kind, path in kinds}


def predictions_of(job: step.Job) -> Answered | None:
    """Return the predictions, which fit the manifest; None before any."""
    if not job.args.validation:
        return None
    manifest, _ = dataset.read_manifest(job.args.manifest[0])
    return results.answered(*read_checked(job.args.validation, job.args.test, manifest))


def cohort_of(job: step.Job, root: Path) -> str:
    """Return the name of the cohort that the report is about."""
    own = layout.parse(job.record_path.resolve().relative_to(root.resolve()).as_posix())
    return own.names["cohort"] if own else ""


def reporting_of(job: step.Job, found: Mapping[str, Any], root: Path) -> Reporting:
    """Write methods, model card and sheets from the records that the audit lists."""
    members = {row["subject"] for row in found["manifest"]} or set(found["everyone"])
    name = cohort_of(job, root)
    runs = records.read(root, found["records"], subjects=members, cohort=name)
    known = Known(
        runs, found["flow"], found["manifest"], found["ablations"], found["main"], found["verdict"],
        found["tables"], found["root_digest"], found["contrasts"],
    )  # fmt: skip
    stated = [statements.read(path) for path in job.args.statements]
    return reporting.reporting(known, stated[0] if stated else {})


def sections_of(
    job: step.Job, manifest: Sequence[dict[str, str]], checks: Sequence[dict[str, str]]
) -> list[dict[str, Any]]:
    """Return the content of each subject's section, with its pictures."""
    args = job.args
    overviews = dict(zip(json.loads(args.pictured), args.overviews, strict=True))
    maps = dict(zip(map(tuple, json.loads(args.mapped)), args.occlusions, strict=True))
    return subject_sections(manifest, checks, overviews, maps)


def provenance_of(job: step.Job, root: Path) -> dict[str, Any]:
    """Return what the page was made from, and by which software.

    Parameters
    ----------
    root : path
        The study's folder, within which files are named.
    """
    args = job.args
    audit = job.read_record(args.audit_record)["facts"]
    files = (
        *args.manifest, *args.metrics, *args.summary, *args.comparison, args.audit, *args.tables,
        *args.validation, *args.test, *args.importance, *args.counterfactuals,
    )  # fmt: skip
    return {
        "versions": {"ricenet": ricenet.__version__, **software.versions()},
        "root_digest": audit["root_digest"],
        "files": audit["files"],
        "digests": {_within(path, root): digests.bytes_digest(path) for path in files},
    }


def _within(path: Path, root: Path) -> str:
    """Return the name of a file within the study's folder; no path of a machine is shown."""
    found, folder = path.resolve(), root.resolve()
    return found.relative_to(folder).as_posix() if found.is_relative_to(folder) else path.name


def of_subjects(
    sections: Sequence[dict[str, Any]], checks: Sequence[dict[str, str]]
) -> dict[str, Any]:
    """Return the subjects' sections, and the checks that failed or are of no subject."""
    known = {section["subject"] for section in sections}
    return {
        "counts": counts(sections, checks),
        "sections": sections,
        "pictures": known,
        "failed": failed(checks),
        "other_checks": [check for check in checks if check["subject"] not in known],
    }


def warning_of(job: step.Job, subjects: Sequence[str]) -> str:
    """Return the banner of a study of synthetic patients; empty where they are persons."""
    phantoms = json.loads(job.args.phantoms or "[]")
    return synthetic.warning(phantoms, subjects, stated=job.settings["synthetic"])


def _trained(audited: Sequence[Mapping[str, str]], cohort_name: str) -> bool:
    """Return whether the audit lists records of trainings of the cohort."""
    found = (layout.parse(row["record"]) for row in audited)
    return any(
        one is not None and one.kind == "model_record" and one.names["cohort"] == cohort_name
        for one in found
    )


def content(job: step.Job) -> dict[str, Any]:
    """Gather what the page shows from the files that the step was given."""
    args, root = job.args, study_folder.root_of(job.record_path, "report_record")
    subjects, excluded, accepted = (
        json.loads(text) for text in (args.subjects, args.excluded, args.accepted)
    )
    states = board.rows(root, subjects, excluded, accepted)
    summary = json.loads(args.summary[0].read_text(encoding="utf-8")) if args.summary else {}
    metrics, manifest, comparison, importance, doses, statistics = (
        [row for path in paths for row in read_table(path)]
        for paths in (
            args.metrics, args.manifest, args.comparison, args.importance, args.counterfactuals,
            args.map_statistics,
        )
    )  # fmt: skip
    audited, tables = read_table(args.audit), tables_of(job)
    steps = cohort.flow(states, manifest, subjects, excluded)
    checks = checks_of(audited, subjects)
    sections = sections_of(job, manifest, checks)
    checks = [*map(as_row, own_checks(sections, manifest)), *checks]
    warning = warning_of(job, subjects)
    shown = {
        "title": job.settings["title"],
        "warning": warning,
        **of_subjects(sections, checks),
        "board": states,
        "states": board.counts(states),
        "fewest_to_estimate": results.FEWEST_TO_ESTIMATE,
        "compared": bool(args.comparison),
        "comparison": comparison,
        "explanations": explanations(importance, doses, statistics),
        **evaluated.content(
            summary, metrics, {**tables, "manifest": manifest}, predictions_of(job), checks,
            mapped=bool(args.occlusions), synthetic=bool(warning),
            trained=_trained(audited, cohort_of(job, root)),
        ),
        "flow": steps,
        "flow_plot": patient_plots.flow(steps, name="flow", alt=cohort.in_words(steps)),
        **provenance_of(job, root),
        "manifest": manifest,
        "everyone": subjects,
        "records": [row["record"] for row in audited],
        "tables": tables,
    }  # fmt: skip
    return {**shown, "reporting": reporting_of(job, shown, root)}


def main(argv: Sequence[str] | None = None) -> None:
    """Read summary, tables and pictures; write the page."""
    inputs = (
        "summary*", "metrics*", "manifest*", "validation*", "test*", "comparison*", "tables*",
        "overviews*", "occlusions*", "importance*", "map-statistics*", "counterfactuals*", "audit",
        "audit-record",
    )  # fmt: skip
    values = ("subjects", "excluded", "accepted", "pictured", "mapped", "tabled", "phantoms?")
    outputs = ("out", "sheets", "methods", "card")
    with step.Job(
        "report", argv, inputs=inputs, outputs=outputs, raw=("statements*",), values=values
    ) as job:
        found = content(job)
        step.write(job, own_checks(found["sections"], found["manifest"]))
        job.fact("synthetic", bool(found["warning"]))
        html = page.render("report.html.j2", found)
        job.stage(job.args.out).write_text(html, encoding="utf-8")
        texts: Reporting = found["reporting"]
        tsv.write(job.stage(job.args.sheets), sheets.as_table(texts.sheets))
        written = texts.methods.as_markdown(found["title"], found["warning"])
        job.stage(job.args.methods).write_text(written, encoding="utf-8")
        card = model_card.as_markdown(found["title"], texts.card, found["warning"])
        job.stage(job.args.card).write_text(card, encoding="utf-8")
