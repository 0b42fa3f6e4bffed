"""``why FILE``: how a file came to be, from the raw series on: commands, settings, decisions."""

from __future__ import annotations

import argparse
import json
import os
import shlex
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ricenet.audit import records
from ricenet.audit.records import Record, RecordedStudy
from ricenet.provenance import digests, tsv
from ricenet.step.checks import NOT_MADE
from ricenet.study import study_folder

SHORT = 12  # digits of a digest that a person compares
# facts that say what was chosen, by the step that writes them
CHOICES = {
    "brain_mask": ("method",),
    "align": ("chain",),
    "ingest_mask": ("source", "outlines", "unknown"),
    "align_mask": ("chain",),
    "timeline": ("days", "source_of_radiotherapy_days", "unknown"),
    "crop": ("start_voxel",),
    "train_model": ("best_epoch", "device"),
}


def lineage(study: RecordedStudy, file: str) -> list[Record]:
    """List the records that a file follows from, raw data first, each after what it was made from.

    Raises
    ------
    ValueError
        No record names the file.
    """
    made = {name: record for name, (record, _) in study.outputs().items()}
    start = study.records.get(file) or made.get(file)
    if start is None:
        raise ValueError(f"{file}: no record names it; ricenet verify shows more")
    ordered: dict[str, Record] = {}
    waiting = [(start, False)]
    while waiting:
        record, seen = waiting.pop()
        if record.name in ordered:
            continue
        if seen:
            ordered[record.name] = record
            continue
        waiting.append((record, True))
        names = [name for name, _ in record.files("inputs")]
        parents = [study.records.get(name) or made.get(name) for name in names]
        waiting += [(p, False) for p in reversed(parents) if p and p.name not in ordered]
    return list(ordered.values())


def story(study: RecordedStudy, file: str) -> Iterator[str]:
    """Yield the lineage of a file as text, line by line."""
    steps, known = lineage(study, file), ""
    for number, record in enumerate(steps, 1):
        yield f"{number}. {record.step}: {record.name}"
        yield from (f"   {line}" for line in _of_record(record, steps))
        yield from (f"   {line}" for line in _of_people(study, record))
        versions = _versions(record.content["versions"])
        if versions != known:  # mostly the same for all: said where they change
            yield f"   versions: {versions}"
        known = versions
        yield ""
    yield _present(study, file, steps[-1])


def _of_record(record: Record, steps: Sequence[Record]) -> Iterator[str]:
    content = record.content
    for flag, entries in content["raw"].items():
        for entry in entries:
            yield f"raw {flag}: {entry['files']} files, digest {entry['digest'][:SHORT]}"
    numbers = {n: i for i, other in enumerate(steps, 1) for n, _ in other.files("outputs")}
    numbers |= {other.name: i for i, other in enumerate(steps, 1)}
    for name, digest in record.files("inputs"):
        origin = f" (of {numbers[name]})" if name in numbers else ""
        yield f"from {name} {digest[:SHORT]}{origin}"
    for name, digest in record.files("outputs"):
        yield f"made {name} {digest[:SHORT]}"
    yield f"command: {shlex.join(_without_settings(content['command']))}"
    yield f"settings: {json.dumps(content['settings'], sort_keys=True)}"
    yield f"code: {content['code']}"
    yield from _decided(record)


def _without_settings(command: Sequence[str]) -> list[str]:
    """Return the command without what is printed on a separate line."""
    position = command.index("--settings") if "--settings" in command else len(command)
    return [*command[:position], *command[position + 2 :]]


def _versions(versions: dict[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in sorted(versions.items()))


def _decided(record: Record) -> Iterator[str]:
    """List what the step chose, and which checks failed or were not made."""
    facts = record.content["facts"]
    if record.value("series"):
        yield f"decision: series {record.value('series')}, as the subjects table says"
    ledger: dict[str, Any] = facts.get("ledger", {})
    for code in ledger.get("decisions", []):
        yield f"decision: {code}"
    for plan in ledger.get("parts", []):
        count, source = plan["fractions"], plan["source_of_fractions"]
        yield f"dose: {plan['rule']}, factor {plan['factor']:g}, fractions {count} from {source}"
    yield from (f"warning: {warning}" for warning in ledger.get("warnings", []))
    for name in CHOICES.get(record.step, ()):
        if facts.get(name):
            yield f"{name}: {json.dumps(facts[name], sort_keys=True)}"
    for check in record.content["checks"]:
        if check["verdict"] == "fail":
            yield f"check failed: {check['check']} is {check['value']} {check['unit']}".rstrip()
        elif check["verdict"] == NOT_MADE:
            yield f"check not made: {check['check']}: {check['reason']}"


def _of_people(study: RecordedStudy, record: Record) -> Iterator[str]:
    """Yield the rows of the overrides table that accepted a subject's failed checks."""
    if record.step != "quality":
        return
    for name in record.named("outputs", "out"):
        path = study.root / name
        if path.is_file():
            table = tsv.read(path)
            for row in table[table["decision"] != ""].itertuples(index=False):
                yield f"decision of {row.who}: {row.decision} {row.check}: {row.why}"


def _present(study: RecordedStudy, file: str, record: Record) -> str:
    """Return whether the file still agrees with its record."""
    recorded = dict(record.files("outputs")).get(file)
    path = study.root / file
    if recorded is None:
        return f"{file} is the record of {record.step}"
    try:
        same = path.is_file() and digests.file_digest(path) == recorded
    except ValueError:
        same = False
    return f"{file} is {'what was written' if same else 'NOT what was written, or missing'}"


def main(argv: Sequence[str] | None = None) -> int:
    """Print the history of the file that the command line names."""
    parser = argparse.ArgumentParser(
        prog="ricenet why",
        description="Show the lineage of a file of a study, back to the raw series: commands, "
        "settings, digests, and what the steps and people decided.",
    )
    parser.add_argument("file", type=Path, help="any result or record of a study")
    path: Path = parser.parse_args(argv).file
    try:
        root = study_folder.study_of(path)
        name = Path(os.path.relpath(path, root)).as_posix()
        print("\n".join(story(records.read(root), name)))
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0
