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
    own_check,
    subject_sections,
)
from ricenet.study import board, layout, study_folder


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


def reporting_of(job: step.Job, found: Mapping[str, Any], root: Path) -> Reporting:
    """Write methods, model card and sheets from the records that the audit lists."""
    members = {row["subject"] for row in found["manifest"]} or set(found["everyone"])
    own = layout.parse(job.record_path.resolve().relative_to(root.resolve()).as_posix())
    cohort_name = own.names["cohort"] if own else ""
    runs = records.read(root, found["records"], subjects=members, cohort=cohort_name)
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


def provenance_of(job: step.Job) -> dict[str, Any]:
    """Return what the page was made from, and by which software."""
    args = job.args
    audit = job.read_record(args.audit_record)["facts"]
    files = (*args.manifest, *args.metrics, *args.summary, *args.comparison, args.audit)
    return {
        "versions": {"ricenet": ricenet.__version__, **software.versions()},
        "root_digest": audit["root_digest"],
        "files": audit["files"],
        "digests": {path.name: digests.bytes_digest(path) for path in files},
    }


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
    checks = [as_row(own_check(sections)), *checks]
    known = {section["subject"] for section in sections}
    shown = {
        "title": job.settings["title"],
        "counts": counts(sections, checks),
        "board": states,
        "states": board.counts(states),
        "pictures": known,
        "fewest_to_estimate": results.FEWEST_TO_ESTIMATE,
        "compared": bool(args.comparison),
        "comparison": comparison,
        "explanations": explanations(importance, doses, statistics),
        **evaluated.content(
            summary, metrics, tables, predictions_of(job), checks, mapped=bool(args.occlusions)
        ),
        "flow": steps,
        "flow_plot": patient_plots.flow(steps, name="flow", alt=cohort.in_words(steps)),
        "sections": sections,
        "failed": failed(checks),
        "other_checks": [check for check in checks if check["subject"] not in known],
        **provenance_of(job),
        "manifest": manifest,
        "everyone": subjects,
        "records": [row["record"] for row in audited],
        "tables": tables,
    }
    return {**shown, "reporting": reporting_of(job, shown, root)}


def main(argv: Sequence[str] | None = None) -> None:
    """Read summary, tables and pictures; write the page."""
    inputs = (
        "summary*", "metrics*", "manifest*", "validation*", "test*", "comparison*", "tables*",
        "overviews*", "occlusions*", "importance*", "map-statistics*", "counterfactuals*", "audit",
        "audit-record",
    )  # fmt: skip
    values = ("subjects", "excluded", "accepted", "pictured", "mapped", "tabled")
    outputs = ("out", "sheets", "methods", "card")
    with step.Job(
        "report", argv, inputs=inputs, outputs=outputs, raw=("statements*",), values=values
    ) as job:
        found = content(job)
        step.write(job, [own_check(found["sections"])])
        html = page.render("report.html.j2", found)
        job.stage(job.args.out).write_text(html, encoding="utf-8")
        texts: Reporting = found["reporting"]
        tsv.write(job.stage(job.args.sheets), sheets.as_table(texts.sheets))
        written = texts.methods.as_markdown(found["title"])
        job.stage(job.args.methods).write_text(written, encoding="utf-8")
        card = model_card.as_markdown(found["title"], texts.card)
        job.stage(job.args.card).write_text(card, encoding="utf-8")
