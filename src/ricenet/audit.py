"""Every record of a study in one table, every digest computed anew.

A file whose content is not what its record says stops the audit with its name. A record whose
inputs have changed since is listed as a failed check: the file is whole, but older than what it
was made from.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import pandas as pd

from ricenet import program, provenance, step

COLUMNS = (
    "record", "step", "subject", "check", "value", "unit", "at_least", "at_most", "verdict",
)  # fmt: skip
# written after the audit, or by it
LATER_STEPS = ("audit", "report")


def read_records(root: Path) -> dict[Path, dict[str, Any]]:
    """Read the records below a study's folder, by path; logs and other JSON are left out."""
    found = {}
    for path in sorted(set(root.rglob("*.json")) - set(root.glob("logs/**/*.json"))):
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            name = path.relative_to(root)
            raise ValueError(f"{name}: not a readable record ({type(error).__name__})") from None
        if isinstance(content, dict) and "step" in content and content["step"] not in LATER_STEPS:
            found[path] = content
    return found


def entries(record: Path, content: Mapping[str, Any], side: str) -> Iterable[tuple[Path, str]]:
    """Files and digests that a record names as ``inputs`` or ``outputs``."""
    for files in content[side].values():
        for entry in files:
            yield (record.parent / entry["path"]).resolve(), entry["digest"]


def digest_or_problem(path: Path) -> str:
    """Digest of a file, or why there is none."""
    if not path.is_file():
        return "missing"
    try:
        return provenance.file_digest(path)
    except ValueError as error:
        return f"unreadable ({error})"


def damaged(outputs: Mapping[Path, str], found: Mapping[Path, str], root: Path) -> list[str]:
    """Files that are not what their record says, each with the reason."""
    problems = []
    for path, digest in outputs.items():
        if found[path] != digest:
            reason = found[path] if len(found[path]) != 64 else "altered"
            problems.append(f"{path.relative_to(root)}: {reason}")
    return problems


def rows(root: Path, records: Mapping[Path, Any], found: Mapping[Path, str]) -> pd.DataFrame:
    """Table of all records, their checks, and whether their inputs are still the same.

    Returns
    -------
    DataFrame
        Columns :data:`COLUMNS`; a row without a check stands for the record itself.
    """
    table = []
    for path, content in records.items():
        name = path.relative_to(root).as_posix()
        known = {"record": name, "step": content["step"], "subject": subject_of(name)}
        table.append(known | {"verdict": "pass"})
        table += [known | check for check in content["checks"]]
        changed = sum(found.get(p, d) != d for p, d in entries(path, content, "inputs"))
        if changed:
            table.append(
                known | {"check": "inputs changed since", "value": changed, "verdict": "fail"}
            )
    return pd.DataFrame(table, columns=list(COLUMNS))


def accepted_checks(root: Path) -> set[tuple[str, str]]:
    """Subject and ``<record>/<check>`` of each failed check that a person has accepted."""
    found = set()
    for path in root.glob("subjects/*/quality.tsv"):
        table = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)
        accepted = table.loc[table["decision"] == "accept", "check"]
        found |= {(path.parent.name, str(check)) for check in accepted}
    return found


def with_decisions(table: pd.DataFrame, accepted: set[tuple[str, str]]) -> pd.DataFrame:
    """Table in which a failed check that was accepted has the verdict ``accepted``."""
    names = [
        (row.subject, f"{Path(str(row.record)).stem}/{row.check}")
        for row in table.itertuples(index=False)
    ]
    decided = (table["verdict"] == "fail") & pd.Series([n in accepted for n in names], dtype=bool)
    return table.assign(verdict=table["verdict"].mask(decided, "accepted"))


def subject_of(record: str) -> str:
    """Subject that a record belongs to, from its path in the study; empty for the cohort's."""
    parts = record.split("/")
    if parts[0] == "subjects":
        return parts[1]
    if parts[0] == "caches" or "occlusion" in parts:
        return Path(parts[-1]).stem.split("_")[0]
    return ""


def root_digest(found: Mapping[Path, str], root: Path) -> str:
    """One digest over all files of the study: paths within it, and contents."""
    lines = sorted(
        f"{path.relative_to(root).as_posix()} {digest}" for path, digest in found.items()
    )
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def main(argv: Sequence[str] | None = None) -> None:
    """Read all records, recompute all digests, write the table."""
    with step.Job("audit", argv, raw=("overrides",)) as job:
        root = job.args.record.resolve().parents[1]
        records = read_records(root)
        outputs = {p: d for r, c in records.items() for p, d in entries(r, c, "outputs")}
        job.say(f"{len(records)} records, {len(outputs)} files")
        with ProcessPoolExecutor(job.args.threads) as pool:
            found = dict(zip(outputs, pool.map(digest_or_problem, outputs), strict=True))
        problems = damaged(outputs, found, root)
        if problems:
            raise ValueError("files that are not what was written:\n  " + "\n  ".join(problems))
        table = with_decisions(rows(root, records, found), accepted_checks(root))
        job.fact("root_digest", root_digest(found, root))
        job.fact("files", len(outputs))
        job.check("checks failed", int((table["verdict"] == "fail").sum()), at_most=0)
        table.to_csv(job.stage(job.args.out), sep="\t", index=False, lineterminator="\n")


if __name__ == "__main__":
    program.run(main)
