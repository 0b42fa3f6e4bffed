"""What lies in a study's folder: its files of each kind, its subjects, its cohorts."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from ricenet.study import job_files
from ricenet.study.layout import COHORT, FILES, NAMES, SUBJECT, ParsedPath, parse, path


def existing(root: Path, kind: str, **names: str) -> Iterator[tuple[Path, dict[str, str]]]:
    """Yield the files of a kind that there are, and the names in their paths, in their order.

    Parameters
    ----------
    root : path
        Folder of the study's results.
    names : str
        Those that are known.
    """
    pattern = path(kind, **{**dict.fromkeys(NAMES, "*"), **names})
    for file in sorted(root.glob(pattern)):
        parsed = parse(file.relative_to(root).as_posix())
        if parsed and parsed.kind == kind:
            yield file, parsed.names


def of_subject(root: Path, subject: str) -> Iterator[tuple[Path, ParsedPath]]:
    """Yield the files of known kinds in a subject's folder, in their order."""
    for file in sorted((root / SUBJECT.format(subject=subject)).glob("*")):
        if parsed := parse(file.relative_to(root).as_posix()):
            yield file, parsed


def failures(root: Path, name: str) -> list[Path]:
    """Return the notes on failed jobs of a subject or a cohort, also of rules that are gone."""
    return sorted((root / job_files.LOGS / name).glob(f"*{job_files.FAILURE}"))


def subjects(root: Path) -> set[str]:
    """Return the subjects that have a folder of results."""
    return {folder.name for folder in root.glob(SUBJECT.format(subject="*"))}


def cohorts(root: Path) -> list[str]:
    """Return the cohorts that have a folder of results, in their order."""
    folders = root.glob(COHORT.format(cohort="*"))
    return sorted(folder.name for folder in folders if folder.is_dir())


def root_of(file: Path, kind: str) -> Path:
    """Return the study's folder that a file of a kind lies in, its links resolved."""
    return file.resolve().parents[FILES[kind].count("/")]


def study_of(file: Path) -> Path:
    """Return the study's folder above any file: the one with results of subjects and caches.

    Raises
    ------
    ValueError
        There is none.
    """
    of_all = [FILES[kind].partition("/")[0] for kind in ("native", "cache")]
    for folder in Path(os.path.abspath(file)).parents:  # noqa: PTH100 - a link may not be followed
        if all((folder / name).is_dir() for name in of_all):
            return folder
    raise ValueError(f"{file.name} does not lie in a study's folder")
