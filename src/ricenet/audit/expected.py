"""What settings, tables and source require now, compared with what the records state was done.

Files of subjects that a person has excluded, and of other cohorts, are kept as they were made:
nothing is required of them here.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from ricenet.audit.records import Problem, Record, RecordedStudy
from ricenet.study import board, layout
from ricenet.study.cohort_files import CohortFiles
from ricenet.study.control_files import ControlFiles
from ricenet.study.explain_files import ExplainFiles
from ricenet.study.preprocess_files import PreprocessFiles
from ricenet.study.study import Study

# values of flags that do not come from a step's settings: flag to the rule's params
VALUES: dict[str, dict[str, Callable[[Study, Any], str]]] = {
    "ingest_mri": {
        "series": lambda study, w: study.raw.series(w),
        "sequence": lambda study, w: study.sequence(w),
    },
    "timeline": {"visits": lambda study, w: study.visits_text},
    "ingest_dose": {"row": lambda study, w: study.raw.dose_row(w)},
    "ingest_mask": {"row": lambda study, w: study.raw.mask_row(w)},
    "quality": {"accepted": lambda study, w: PreprocessFiles(study).accepted(w)},
    "cache": {
        "channels": lambda study, w: study.channels_text,
        "kinds": lambda study, w: study.kinds_text,
    },
    "manifest": {"rows": lambda study, w: CohortFiles(study).manifest_rows()},
    "note_plan": {"plan": lambda study, w: study.plan_text},
    "evaluate": {"plan": lambda study, w: study.plan_text},
}
UNTRACKED = ("open_test_set",)  # a ledger is not made again by other code
SOURCES = {
    "series": "the subjects table",
    "sequence": "the settings",
    "visits": "the settings",
    "row": "the subjects table",
    "accepted": "the overrides table",
    "channels": "the settings",
    "kinds": "the settings",
    "rows": "the cohort file or a label",
    "plan": "the analysis plan",
}


def problems(recorded: RecordedStudy, study: Study) -> list[Problem]:
    """List all that the settings, the tables and the source require and the study lacks."""
    asked = [record for record in recorded.records.values() if is_asked(record, study)]
    outdated = [problem for record in asked for problem in stale(record, study)]
    return [
        *outdated,
        *_raw(asked, study),
        *missing(recorded, study),
        *unknown_subjects(recorded, study),
    ]


def is_asked(record: Record, study: Study) -> bool:
    """Return whether the present settings and tables would make this record again."""
    known = {str(s) for s in study.subjects.index}
    return record.cohort in ("", study.cohort_name) and (
        not record.subject or record.subject in known
    )


def stale(record: Record, study: Study) -> Iterable[Problem]:
    """List how a record's settings, code or values differ from what they would be now."""
    if not hasattr(study.config, "registration" if record.step == "register" else record.step):
        yield Problem(record.name, "stale", f"there is no step {record.step} any more")
        return
    now = json.loads(_settings(record, study))
    before = record.content["settings"]
    differ = sorted(k for k in now.keys() | before.keys() if now.get(k) != before.get(k))
    if differ:
        yield Problem(record.name, "stale", f"other settings: {', '.join(differ)}")
    older = study.accepted_code.get(record.step)
    valid = {study.own_code(record.step), older.code if older else ""}
    if record.step not in UNTRACKED and record.content["code"] not in valid:
        yield Problem(record.name, "stale", f"made by another version of {record.step}")
    for flag, value in VALUES.get(record.step, {}).items():
        if _text(value(study, _wildcards(record))) != _text(record.value(flag)):
            yield Problem(record.name, "stale", f"{SOURCES[flag]} says otherwise now ({flag})")


def _settings(record: Record, study: Study) -> str:
    """Return the settings that a record's step has now; a control's and a map's differ."""
    place = layout.parse(record.name)
    if place and place.kind == "control_model_record":
        return ControlFiles(study).settings(SimpleNamespace(**place.names))
    if place and record.step == "occlusion_map":
        return ExplainFiles(study).settings(SimpleNamespace(**place.names))
    return study.settings(record.step)


def accepted(recorded: RecordedStudy, study: Study) -> list[str]:
    """Return the results of older code that a person has declared valid, a line a step."""
    lines = []
    for step, decision in study.accepted_code.items():
        codes = [r.content["code"] for r in recorded.records.values() if r.step == step]
        lines.append(
            f"accepted: {codes.count(decision.code)} records of {step} by the older code "
            f"{decision.code} ({decision.who}: {decision.why})"
        )
    return lines


def _text(value: str) -> Any:
    """Return the value without its layout, where it is JSON."""
    try:
        return json.loads(value)
    except ValueError:
        return value


def _wildcards(record: Record) -> Any:
    """Return the wildcards of the rule as its params functions expect them."""
    parsed = layout.parse(record.name)
    channel = parsed.names.get("channel", "") if parsed else ""
    names = {"subject": record.subject, "mri": channel, "mask": channel}
    return SimpleNamespace(**names, get=names.get)


def _raw(records: Iterable[Record], study: Study) -> Iterable[Problem]:
    """Yield the native volumes whose raw data have changed.

    Nothing is reported where these are missing.
    """
    for record in records:
        if record.step not in ("ingest_mri", "ingest_dose", "ingest_mask"):
            continue
        now = study.raw.digest(_wildcards(record))
        entries = record.content["raw"]["raw"]
        if now not in ("missing", "unreadable") and [e["digest"] for e in entries] != [now]:
            yield Problem(record.name, "stale", "made from other raw data than the table names now")


def missing(recorded: RecordedStudy, study: Study) -> Iterable[Problem]:
    """Yield the results that the settings require and no record names.

    Subjects that wait are left out.
    """
    waiting = board.failed_subjects(recorded.root, map(str, study.subjects.index), study.accepted)
    made = recorded.outputs().keys() | recorded.records.keys() | recorded.claimed
    for path in leaves(study, waiting):
        name = Path(os.path.relpath(path, study.root)).as_posix()
        if name not in made:
            yield Problem(name, "missing", "not made yet, or removed with its record")


def leaves(study: Study, waiting: Iterable[str]) -> list[str]:
    """Return the results that nothing but audit and report is made from.

    Records name all others.
    """
    ready = [s for s in map(str, study.subjects.index) if s not in set(waiting)]
    subjects, cohort, explain = PreprocessFiles(study), CohortFiles(study), ExplainFiles(study)
    return [
        *subjects.caches(ready),
        *subjects.overviews(ready),
        study.at("audit"),
        *cohort.if_cohort(
            *cohort.models(),
            *cohort.validation_predictions(),
            *cohort.test_predictions(),
            *cohort.plan_noted(),
            *explain.pictures(),
            *explain.files(),
            study.at("metrics"),
            *cohort.tables(),
            *ControlFiles(study).tables(),
        ),
        study.at("report"),
    ]


def unknown_subjects(recorded: RecordedStudy, study: Study) -> Iterable[Problem]:
    """Yield the files of subjects in neither the subjects table nor the overrides table."""
    known = {*map(str, study.subjects.index), *study.excluded, ""}
    for record in recorded.records.values():
        if record.subject not in known:
            why = "the subjects table has no such subject"
            yield Problem(record.name, "orphaned", why)
            for file, _ in record.files("outputs"):
                yield Problem(file, "orphaned", why)
