"""From digests to problems: every file against its record, every record against its parents.

A file that was damaged is named, and what was made from it is not: its record still names the
content that it was made from, and its parent's record the same.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping

from ricenet.audit.finding import Finding
from ricenet.audit.measure import is_digest
from ricenet.audit.records import Problem, RecordedStudy

SCHEME = "ricenet root digest 1"
# they hold the root digest
OUTSIDE_THE_ROOT = ("audit", "report")


def wanted(study: RecordedStudy) -> set[str]:
    """Return the names of all files whose digest can be compared with the records."""
    named = {
        file
        for record in study.records.values()
        for side in ("inputs", "outputs")
        for file, _ in record.files(side)
    }
    return {name for name in named if not name.startswith("..")}


def outputs(study: RecordedStudy, digests: Mapping[str, str]) -> list[Problem]:
    """Return the files that differ from their record."""
    problems = []
    for file, (record, digest) in study.outputs().items():
        if file not in digests:
            problems.append(
                Problem(record.name, "altered", "it names an output outside the study's folder")
            )
        elif not is_digest(digests[file]):
            problems.append(_without_digest(file, digests[file], record.name))
        elif digests[file] != digest:
            problems.append(Problem(file, "altered", f"not what {record.name} says was written"))
    return problems


def _without_digest(file: str, reason: str, by: str) -> Problem:
    if reason == "missing":
        return Problem(file, "missing", f"named by {by}")
    return Problem(file, "altered", reason)


def twice(study: RecordedStudy) -> list[Problem]:
    """Return the files that two records claim to have written."""
    first: dict[str, str] = {}
    return [
        Problem(record.name, "altered", f"claims {file}, as {first[file]} does")
        for record in study.records.values()
        for file, _ in record.files("outputs")
        if first.setdefault(file, record.name) != record.name
    ]


def parents(study: RecordedStudy, digests: Mapping[str, str]) -> list[Problem]:
    """List records that were made from other files than their parents' records name."""
    made, broken = study.outputs(), study.broken()
    problems = []
    for record in study.records.values():
        for file, digest in record.files("inputs"):
            if file in broken:
                continue
            now = made[file][1] if file in made else digests.get(file, "missing")
            if now == "missing":
                problems.append(Problem(file, "missing", f"named by {record.name}"))
            elif now != digest:
                problems.append(Problem(record.name, "wrong parent", f"made from another {file}"))
    return problems


def orphans(study: RecordedStudy, files: Iterable[str]) -> list[Problem]:
    """Return the files that no record vouches for."""
    # an edited record's outputs are not trusted, but not reported as faulty either
    known = study.outputs().keys() | study.records.keys() | study.broken() | study.claimed
    return [Problem(file, "orphaned", "no record names it") for file in files if file not in known]


def invalid(
    findings: Iterable[Finding], sound: set[str], accepted: set[tuple[str, str]]
) -> list[Problem]:
    """List files whose physical invariants do not hold, as far as all files they need are sound.

    Parameters
    ----------
    sound : set of str
        Files that agree with their records.
    accepted : set of (subject, ``<record>/<check>``)
        What a person has decided to accept.
    """
    return [
        Problem(f.file, "invalid", _explained(f.check))
        for f in findings
        if f.check["verdict"] == "fail" and {f.file, *f.needs} <= sound and f.key not in accepted
    ]


def _explained(check: Mapping[str, object]) -> str:
    limits = [f"at least {check['at_least']}"] if "at_least" in check else []
    limits += [f"at most {check['at_most']}"] if "at_most" in check else []
    return f"{check['check']} is {check['value']} {check['unit']}".rstrip() + (
        f" ({', '.join(limits)} expected)"
    )


def sound_files(study: RecordedStudy, digests: Mapping[str, str]) -> set[str]:
    """Return the files that can be read and do not contradict their records."""
    made = study.outputs()
    return {
        file
        for file, digest in digests.items()
        if is_digest(digest) and (file not in made or made[file][1] == digest)
    }


def root_digest(study: RecordedStudy, digests: Mapping[str, str]) -> str:
    """Return one digest over the study: names and contents of the outputs.

    A tree of sha256: a folder's digest is that of its entries' names and digests, in the order of
    the names; a file's is that of its content (voxels and affine for NIfTI). Records, logs and the
    report do not count: they hold durations and versions. Nor do dates, compression, or where the
    study lies. Two runs that made the same have the same root.
    """
    files = {
        file: digests.get(file, "missing")
        for file, (record, _) in study.outputs().items()
        if record.step not in OUTSIDE_THE_ROOT
    }
    return folder_digest(files)


def folder_digest(files: Mapping[str, str]) -> str:
    """Return the digest of a folder, given the digests of all files below it by relative path."""
    entries: dict[str, str] = {}
    below: dict[str, dict[str, str]] = {}
    for path, digest in files.items():
        first, _, rest = path.partition("/")
        if rest:
            below.setdefault(first, {})[rest] = digest
        else:
            entries[first] = digest
    for name, inner in below.items():
        entries[f"{name}/"] = folder_digest(inner)
    text = json.dumps([SCHEME, sorted(entries.items())])
    return hashlib.sha256(text.encode()).hexdigest()
