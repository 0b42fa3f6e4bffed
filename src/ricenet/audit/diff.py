"""``diff RUN1 RUN2``: where two runs part, subject by subject, in the order of processing."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ricenet.audit import chain, records
from ricenet.audit.records import Record, RecordedStudy


@dataclass(frozen=True)
class Divergence:
    """Where one subject, or the cohort, of two runs first differs.

    Attributes
    ----------
    whose : str
        Subject, or ``cohort <name>``, or ``study``.
    record : str
        The first record that differs.
    what : tuple of str
        How: settings, code, versions, raw data, inputs, outputs.
    content : str
        The first record whose outputs differ; empty where all content is the same.
    """

    whose: str
    record: str
    what: tuple[str, ...]
    content: str


def in_order(study: RecordedStudy) -> list[Record]:
    """Sort records in the order of processing: each after what it was made from."""
    made = {name: record.name for name, (record, _) in study.outputs().items()}
    depths: dict[str, int] = {}

    def depth(name: str) -> int:
        if name not in depths:
            depths[name] = 0  # a circle, in records that were tampered with, ends here
            parents = {made.get(f, f) for f, _ in study.records[name].files("inputs")} - {name}
            depths[name] = max((depth(p) + 1 for p in parents if p in study.records), default=0)
        return depths[name]

    return sorted(study.records.values(), key=lambda record: (depth(record.name), record.name))


def whose(record: Record) -> str:
    """Return the subject of a record; for others the cohort, or the study as a whole."""
    if record.cohort:
        return f"cohort {record.cohort}"
    return record.subject or "study"


def compare(first: RecordedStudy, second: RecordedStudy) -> list[Divergence]:
    """Return the first divergence of each subject, and of each cohort, of two runs.

    Threads and durations do not count. What only one run has is a divergence, too.
    """
    order = {r.name: r for study in (second, first) for r in in_order(study)}
    names = [r.name for r in in_order(first)]
    names += [r.name for r in in_order(second) if r.name not in first.records]
    divergences: dict[str, Divergence] = {}
    for name in names:
        group = whose(order[name])
        what = tuple(_differences(first.records.get(name), second.records.get(name)))
        differ = not _same_outputs(first.records.get(name), second.records.get(name))
        if what and group not in divergences:
            divergences[group] = Divergence(group, name, what, name if differ else "")
        elif differ and not divergences[group].content:
            known = divergences[group]
            divergences[group] = Divergence(group, known.record, known.what, name)
    return sorted(
        divergences.values(), key=lambda d: (d.whose.startswith(("cohort ", "study")), d.whose)
    )


def _differences(a: Record | None, b: Record | None) -> Iterator[str]:
    if a is None or b is None:
        yield f"only the {'second' if a is None else 'first'} run has it"
        return
    yield from _of_values("settings", a.content["settings"], b.content["settings"])
    if a.content["code"] != b.content["code"]:
        yield f"code {a.content['code']} and {b.content['code']}"
    yield from _of_values("version of", a.content["versions"], b.content["versions"])
    if _raw(a) != _raw(b):
        yield "raw data"
    inputs = dict(a.files("inputs")), dict(b.files("inputs"))
    names = sorted(inputs[0].keys() | inputs[1].keys())
    # records differ in their durations: what they stand for is compared by itself
    changed = [n for n in names if inputs[0].get(n) != inputs[1].get(n) and n[-5:] != ".json"]
    if changed:
        yield f"inputs {', '.join(changed)}"
    if _values(a) != _values(b):
        yield "command"
    if not _same_outputs(a, b):
        yield "outputs"


def _of_values(word: str, a: Mapping[str, Any], b: Mapping[str, Any]) -> Iterator[str]:
    for key in sorted(a.keys() | b.keys()):
        if a.get(key) != b.get(key):
            yield f"{word} {key}: {a.get(key)} and {b.get(key)}"


def _raw(record: Record) -> list[str]:
    return [e["digest"] for entries in record.content["raw"].values() for e in entries]


def _values(record: Record) -> list[str]:
    """Return the command without settings, which are compared by themselves, and threads."""
    words = list(record.content["command"])
    for flag in ("--settings", "--threads"):
        if flag in words:
            position = words.index(flag)
            del words[position : position + 2]
    return words


def _same_outputs(a: Record | None, b: Record | None) -> bool:
    return a is not None and b is not None and _outputs(a) == _outputs(b)


def _outputs(record: Record) -> dict[str, str]:
    # audit and report show the digests of all others: what differs there differs elsewhere
    hidden = record.step in chain.OUTSIDE_THE_ROOT
    return {} if hidden else dict(record.files("outputs"))


def text(divergences: Sequence[Divergence]) -> str:
    """Format the differences as text."""
    lines = []
    for one in divergences:
        lines += [f"{one.whose}: first at {one.record}", *(f"    {what}" for what in one.what)]
        if not one.content:
            lines.append("    all contents are the same")
        elif one.content != one.record:
            lines.append(f"    contents differ from {one.content} on")
    return "\n".join(lines or ["no difference"])


def main(argv: Sequence[str] | None = None) -> int:
    """Compare the two runs that the command line names; 1 if they differ."""
    parser = argparse.ArgumentParser(
        prog="ricenet diff",
        description="Show the first difference of each subject between two study folders, from "
        "their records. Verify both first: records are trusted here.",
    )
    parser.add_argument("first", type=Path, help="folder of a study")
    parser.add_argument("second", type=Path, help="folder of another run of it")
    args = parser.parse_args(argv)
    for folder in (args.first, args.second):
        if not folder.is_dir():
            print(f"error: {folder} is not a folder; give the folder of a study", file=sys.stderr)
            return 2
    first, second = records.read(args.first), records.read(args.second)
    for problem in (*first.problems, *second.problems):
        print(f"left out: {problem.file}: {problem.why}", file=sys.stderr)
    divergences = compare(first, second)
    print(text(divergences))
    return 1 if divergences else 0
