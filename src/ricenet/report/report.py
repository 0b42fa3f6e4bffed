"""The report of a study: one HTML page that needs nothing but itself.

Pictures are embedded, there is no script, and nothing is fetched: the page can be mailed, archived
and printed. Numbers come from the tables of earlier steps; nothing is computed here but counts.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import ricenet
from ricenet import step
from ricenet.cohort import dataset
from ricenet.cohort.labels import NAMES
from ricenet.evaluate.check_predictions import read_checked
from ricenet.provenance import digests, software, tsv
from ricenet.report import cohort, evaluated, page, patient_plots, results
from ricenet.report.explain_tables import explanations
from ricenet.report.results import Answered
from ricenet.step.checks import NOT_MADE
from ricenet.study import board, layout

SOUND = ("pass", "accepted")  # any other verdict has to be looked at
OUTSIDE = {"split": "not in the cohort", "fold": "", "label": "", "digest": ""}


def data_uri(path: Path) -> str:
    """Return the PNG file as a data URI."""
    return "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode()


# --- tables ---------------------------------------------------------------------------------------


def read_table(path: Path) -> list[dict[str, str]]:
    """Return the rows of a tab-separated file, all values as text."""
    table = tsv.read(path)
    return [{str(k): str(v) for k, v in row.items()} for row in table.to_dict("records")]


def checks_of(records: Sequence[dict[str, str]], subjects: Collection[str]) -> list[dict[str, str]]:
    """Return the rows of the audit table that are checks of the study's subjects, failed first.

    Who was left out or is gone may have records still, but no part in the study.

    Parameters
    ----------
    subjects : collection of str
        Whom the study works on.
    """
    found = [row | {"subject": _subject_of(row)} for row in records if row["check"]]
    found = [row for row in found if row["subject"] in {*subjects, ""}]
    order = {NOT_MADE: 1, **dict.fromkeys(SOUND, 2)}
    return sorted(found, key=lambda row: order.get(row["verdict"], 0))


def failed(checks: Iterable[dict[str, str]]) -> list[dict[str, str]]:
    """Return the checks that failed and that nobody accepted; what was not made has not."""
    return [check for check in checks if check["verdict"] not in (*SOUND, NOT_MADE)]


def _subject_of(row: Mapping[str, str]) -> str:
    """Return whom a record is about; the audit counts one who was asked about to the cohort."""
    place = layout.parse(row["record"])
    return row["subject"] or (place.names.get("subject") if place else "") or ""


def subject_sections(
    manifest: Sequence[dict[str, str]],
    checks: Sequence[dict[str, str]],
    overviews: Mapping[str, Path],
    occlusions: Mapping[tuple[str, str], Path],
) -> list[dict[str, Any]]:
    """Return the content of each subject's section.

    The cohort in the manifest's order, then the others.

    Parameters
    ----------
    manifest : sequence of dict
        Rows of the manifest; empty where there is no cohort yet.
    overviews : mapping of str to Path
        Picture of each subject.
    occlusions : mapping of (str, str) to Path
        Picture of the map of each ablation and subject.
    """
    names = {str(label): name for label, name in NAMES.items()}
    known = {row["subject"] for row in manifest}
    others = [dict(OUTSIDE, subject=name) for name in overviews if name not in known]
    found = []
    for row in (*manifest, *others):
        own = [check for check in checks if check["subject"] == row["subject"]]
        maps = [(a, p) for (a, subject), p in occlusions.items() if subject == row["subject"]]
        picture = overviews.get(row["subject"])
        found.append(
            {
                **row,
                "label": names.get(row["label"], row["label"]),
                "overview": data_uri(picture) if picture else None,
                "occlusions": [(ablation, data_uri(p)) for ablation, p in maps],
                "checks": own,
                "failed": len(failed(own)),
                "not_made": sum(check["verdict"] == NOT_MADE for check in own),
            }
        )
    return found


def fewest(sections: Sequence[dict[str, Any]]) -> int:
    """Return the number of subjects of the smaller class."""
    return min(sum(s["label"] == name for s in sections) for name in NAMES.values())


def counts(
    sections: Sequence[dict[str, Any]], checks: Sequence[dict[str, str]]
) -> dict[str, int | str]:
    """Count the subjects, folds and checks for the top of the page."""
    train = [s for s in sections if s["split"] == "train"]
    return {
        "subjects": len(sections),
        "train": len(train),
        "test": sum(s["split"] == "test" for s in sections),
        "rice": sum(s["label"] == "RICE" for s in sections),
        "recurrence": sum(s["label"] == "recurrence" for s in sections),
        "folds": len({s["fold"] for s in train}),
        "fewest_train": fewest(train),
        "fewest_test": fewest([s for s in sections if s["split"] == "test"]),
        "checks": len(checks),
        "failed": len(failed(checks)),
        "not_made": sum(check["verdict"] == NOT_MADE for check in checks),
    }


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


def content(job: step.Job) -> dict[str, Any]:
    """Gather what the page shows from the files that the step was given."""
    args, root = job.args, job.record_path.resolve().parents[3]
    subjects, excluded, accepted = (
        json.loads(text) for text in (args.subjects, args.excluded, args.accepted)
    )
    states = board.rows(root, subjects, excluded, accepted)
    summary = json.loads(args.summary[0].read_text(encoding="utf-8")) if args.summary else {}
    metrics, manifest, comparison, importance, doses = (
        [row for path in paths for row in read_table(path)]
        for paths in (
            args.metrics, args.manifest, args.comparison, args.importance, args.counterfactuals
        )
    )  # fmt: skip
    checks = checks_of(read_table(args.audit), subjects)
    overviews = dict(zip(json.loads(args.pictured), args.overviews, strict=True))
    pairs = map(tuple, json.loads(args.mapped))
    maps = dict(zip(pairs, args.occlusions, strict=True))
    steps = cohort.flow(states, manifest, subjects, excluded)
    sections = subject_sections(manifest, checks, overviews, maps)
    known = {section["subject"] for section in sections}
    audit = job.read_record(args.audit_record)["facts"]
    files = (*args.manifest, *args.metrics, *args.summary, *args.comparison, args.audit)
    return {
        "title": job.settings["title"],
        "counts": counts(sections, checks),
        "board": states,
        "states": board.counts(states),
        "pictures": known,
        "fewest_to_estimate": results.FEWEST_TO_ESTIMATE,
        "compared": bool(args.comparison),
        "comparison": comparison,
        "explanations": explanations(importance, doses),
        **evaluated.content(summary, metrics, tables_of(job), predictions_of(job), checks),
        "flow": steps,
        "flow_plot": patient_plots.flow(steps, name="flow", alt=cohort.in_words(steps)),
        "sections": sections,
        "failed": failed(checks),
        "other_checks": [check for check in checks if check["subject"] not in known],
        "versions": {"ricenet": ricenet.__version__, **software.versions()},
        "root_digest": audit["root_digest"],
        "files": audit["files"],
        "digests": {path.name: digests.bytes_digest(path) for path in files},
    }


def main(argv: Sequence[str] | None = None) -> None:
    """Read summary, tables and pictures; write the page."""
    inputs = (
        "summary*", "metrics*", "manifest*", "validation*", "test*", "comparison*", "tables*", "overviews*", "occlusions*",
        "importance*", "counterfactuals*", "audit", "audit-record",
    )  # fmt: skip
    values = ("subjects", "excluded", "accepted", "pictured", "mapped", "tabled")
    with step.Job("report", argv, inputs=inputs, values=values) as job:
        found = content(job)
        missing = sum(section["overview"] is None for section in found["sections"])
        job.check("subjects without a picture", missing, at_most=0)
        html = page.render("report.html.j2", found)
        job.stage(job.args.out).write_text(html, encoding="utf-8")
