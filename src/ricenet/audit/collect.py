"""The step ``audit``: every record of a study in one table, every digest recomputed.

A file whose content differs from its record stops the audit with its name. A record whose
inputs have changed since, and an invariant that does not hold, is listed as a failed check.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from ricenet import step
from ricenet.audit import chain, measure, openings, records
from ricenet.audit.finding import Finding
from ricenet.audit.records import Problem, Record, RecordedStudy
from ricenet.provenance import tsv
from ricenet.step.checks import NOT_MADE
from ricenet.study import layout, study_folder

COLUMNS = (
    "record", "step", "subject", "check", "value", "unit", "at_least", "at_most", "verdict",
    "reason",
)  # fmt: skip
Row = dict[str, Any]


def before_the_audit(study: RecordedStudy) -> RecordedStudy:
    """Return the study without the records that are written after the audit, or by it."""
    kept = {n: r for n, r in study.records.items() if r.step not in chain.OUTSIDE_THE_ROOT}
    return RecordedStudy(study.root, kept, study.problems, study.claimed)


def require_sound(problems: Iterable[Problem]) -> None:
    """Raise ``ValueError`` that names each file which differs from what was written."""
    lines = [f"{problem.file}: {problem.kind} ({problem.why})" for problem in problems]
    if lines:
        raise ValueError(
            "\n  ".join(["files that differ from what was written:", *lines])
            + "\ndelete them, and their records, and run again; "
            "ricenet verify shows more"
        )


def rows(
    study: RecordedStudy, misparented: Iterable[Problem], findings: Iterable[Finding]
) -> pd.DataFrame:
    """List all records with their checks, whether their inputs are unchanged, and invariants.

    Returns
    -------
    DataFrame
        Columns :data:`COLUMNS`; a row without a check stands for the record itself. The step of an
        invariant is ``audit``: it computed the value, not the step that made the file.
    """
    table: list[Row] = []
    changed = [problem.file for problem in misparented]
    for record in study.records.values():
        table.append(_known(record, record.step) | {"verdict": "pass"})
        table += [_known(record, record.step) | check for check in record.content["checks"]]
        if record.name in changed:
            value = changed.count(record.name)
            check = {"check": "inputs changed since", "value": value, "verdict": "fail"}
            table.append(_known(record, record.step) | check)
    table += [_known(f.record, "audit") | dict(f.check) for f in findings]
    return pd.DataFrame(table, columns=list(COLUMNS))


def _known(record: Record, by: str) -> Row:
    return {"record": record.name, "step": by, "subject": record.subject}


def accepted_checks(root: Path) -> set[tuple[str, str]]:
    """Return subject and ``<record>/<check>`` of each held check that a person has accepted."""
    pairs = set()
    for path, names in study_folder.existing(root, "quality"):
        table = tsv.read(path)
        accepted = table.loc[table["decision"] == "accept", "check"]
        pairs |= {(names["subject"], str(check)) for check in accepted}
    return pairs


def with_decisions(table: pd.DataFrame, accepted: set[tuple[str, str]]) -> pd.DataFrame:
    """Return the table in which a held check that was accepted has the verdict ``accepted``."""
    names = [
        (row.subject, f"{layout.record_name(str(row.record))}/{row.check}")
        for row in table.itertuples(index=False)
    ]
    held = table["verdict"].isin(["fail", NOT_MADE])
    decided = held & pd.Series([n in accepted for n in names], dtype=bool)
    return table.assign(verdict=table["verdict"].mask(decided, "accepted"))


def main(argv: Sequence[str] | None = None) -> None:
    """Read all records, recompute all digests and invariants, write the table."""
    with step.Job("audit", argv, raw=("overrides",)) as job:
        root = study_folder.root_of(job.args.record, "audit_record")
        study = before_the_audit(records.read(root))
        require_sound([*study.problems, *openings.problems(study)])
        todo = measure.tasks(study.root, chain.wanted(study), study.records.values())
        job.say(f"{len(study.records)} records, {len(study.outputs())} files")
        measured = measure.run(todo, processes=job.args.threads)
        require_sound([*chain.twice(study), *chain.outputs(study, measured.digests)])
        sound = chain.sound_files(study, measured.digests)
        holds = [f for f in measured.findings if {f.file, *f.needs} <= sound]
        table = rows(study, chain.parents(study, measured.digests), holds)
        table = with_decisions(table, accepted_checks(study.root))
        job.fact("root_digest", chain.root_digest(study, measured.digests))
        job.fact("files", len(study.outputs()))
        job.fact("checks_not_made", int((table["verdict"] == NOT_MADE).sum()))
        job.check("checks failed", int((table["verdict"] == "fail").sum()), at_most=0)
        tsv.write(job.stage(job.args.out), table)
