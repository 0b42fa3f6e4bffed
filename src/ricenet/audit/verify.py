"""``verify``: every file of a study against the records, the settings, the source, and physics."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ricenet.audit import chain, collect, measure, privacy, records
from ricenet.audit.measure import Measured
from ricenet.audit.records import Problem, RecordedStudy

if TYPE_CHECKING:
    from ricenet.study.study import Study

KINDS = (
    "altered", "missing", "orphaned", "wrong parent", "stale", "invalid", "private",
)  # fmt: skip


@dataclass(frozen=True)
class Verdict:
    """What was found about a study.

    Attributes
    ----------
    recorded : RecordedStudy
    measured : Measured
    problems : list of Problem
        In the order of their kinds and files, none twice.
    root_digest : str
    accepted : list of str
        Results of older code that a person has declared valid.
    """

    recorded: RecordedStudy
    measured: Measured
    problems: list[Problem]
    root_digest: str
    accepted: list[str]


def verify(
    root: Path,
    *,
    study: Study | None = None,
    against: Path | None = None,
    processes: int = 1,
    show: bool = False,
) -> Verdict:
    """Recompute and compare everything.

    Parameters
    ----------
    root : Path
        The study's folder.
    study : ricenet.study.study.Study or None
        What settings and tables ask for; without it nothing can be stale, nor missing that no
        record names.
    against : Path or None
        Folder of raw DICOM files whose identities must not occur in the study.
    """
    recorded, files = records.read(root), records.files_of(root)
    todo = measure.tasks(root, chain.wanted(recorded), recorded.records.values())
    measured = measure.run(todo, processes=processes, show=show)
    digests = measured.digests
    problems = [
        *recorded.problems,
        *chain.twice(recorded),
        *chain.outputs(recorded, digests),
        *chain.parents(recorded, digests),
        *chain.orphans(recorded, files),
        *chain.invalid(
            measured.findings, chain.sound_files(recorded, digests), collect.accepted_checks(root)
        ),
        *privacy.problems(root, against=against, processes=processes),
    ]
    accepted: list[str] = []
    if study is not None:
        from ricenet.audit import expected  # reads the tables of a study

        problems += expected.problems(recorded, study)
        accepted = expected.accepted(recorded, study)
    root_digest = chain.root_digest(recorded, digests)
    problems += _old_audit(recorded, root_digest, problems)
    return Verdict(recorded, measured, _in_order(problems), root_digest, accepted)


def _old_audit(
    recorded: RecordedStudy, root_digest: str, others: Sequence[Problem]
) -> list[Problem]:
    """List audits whose root digest is not that of the files, where no named file explains it."""
    if any(problem.kind in ("altered", "missing", "orphaned") for problem in others):
        return []
    return [
        Problem(record.name, "stale", "the files have changed since the audit; run it again")
        for record in recorded.records.values()
        if record.content["facts"].get("root_digest", root_digest) != root_digest
    ]


def _in_order(problems: Sequence[Problem]) -> list[Problem]:
    return sorted(set(problems), key=lambda p: (KINDS.index(p.kind), p.file, p.why))


def text(verdict: Verdict, processes: int) -> str:
    """Format the verdict as text, one line a problem."""
    recorded, measured = verdict.recorded, verdict.measured
    seconds = max(measured.seconds, 1e-3)
    width = max((len(p.file) for p in verdict.problems), default=0)
    lines = [f"{p.kind:<13} {p.file:<{width}}  {p.why}" for p in verdict.problems]
    count, named = len(verdict.problems), len({p.file for p in verdict.problems})
    return "\n".join(
        [
            *lines,
            *verdict.accepted,
            f"{len(recorded.records)} records, {len(measured.digests)} files, "
            f"{len(measured.findings)} invariants; {measured.bytes / 1e6:.0f} MB in "
            f"{seconds:.1f} s, {measured.bytes / 1e6 / seconds:.0f} MB/s with {processes} "
            f"processes",
            f"root digest {verdict.root_digest}",
            f"{count} problems with {named} files" if count else "every file is proved",
        ]
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Verify the study that the command line names; 1 if there is a problem."""
    parser = argparse.ArgumentParser(
        prog="ricenet verify",
        description="Name every file of a study that is altered, missing, orphaned, stale, made "
        "from other files than its parents, physically impossible, or that holds identities.",
    )
    parser.add_argument("folder", nargs="?", type=Path, help="a study; else that of the settings")
    parser.add_argument("--configfile", nargs="*", type=Path, help="as for snakemake --configfile")
    parser.add_argument("--against", type=Path, help="raw folder whose identities are searched for")
    parser.add_argument("--processes", type=int, default=measure.available_processes())
    args = parser.parse_args(argv)
    try:
        study, root = _asked(args.folder, args.configfile)
        verdict = verify(
            root, study=study, against=args.against, processes=args.processes, show=True
        )
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    if study is None:
        print("no settings given: nothing is compared with settings and source")
    print(text(verdict, args.processes))
    return 1 if verdict.problems else 0


def _asked(folder: Path | None, configfiles: Sequence[Path] | None) -> tuple[Study | None, Path]:
    """Find settings and folder: a folder alone is verified without settings."""
    if folder is not None and configfiles is None:
        study = None
    else:
        from ricenet.study.study import from_files

        study = from_files(configfiles or [])
    root = folder if folder is not None else Path(study.root) if study else Path()
    if not root.is_dir():
        raise ValueError(f"{root} is not a folder; give a study's folder, or --configfile")
    return study, root
