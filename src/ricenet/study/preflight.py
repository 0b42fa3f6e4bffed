"""``ricenet check``: settings, tables and raw paths of a study, before anything runs.

A settings file that somebody else wrote can make Snakemake run code or fill the memory, and
Snakemake reads it before any code of this project runs: this looks at it first.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from ricenet.config.yaml_limits import require_plain, require_small

if TYPE_CHECKING:
    from ricenet.study.study import Study


def require_safe(path: Path) -> None:
    """Raise ``ValueError`` for a settings file that is not plain, small YAML."""
    try:
        require_plain(path)
        require_small(yaml.safe_load(path.read_text(encoding="utf-8")))
    except yaml.YAMLError as error:
        raise ValueError(
            f"{path.name}: not plain YAML ({type(error).__name__}); correct it"
        ) from None
    except ValueError as error:
        raise ValueError(f"{path.name}: {error}") from None


def read(configfiles: Iterable[Path]) -> tuple[Study, list[str]]:
    """Read a study as Snakemake would, after its settings files were looked at.

    Returns
    -------
    study : Study
    warnings : list of str
        What will keep subjects back, or is probably not meant.

    Raises
    ------
    ValueError
        For settings or tables that end a run at its start.
    """
    from ricenet.study.study import from_files

    files = list(configfiles)
    for path in files:
        require_safe(path)
    study = from_files(files)
    return study, study.notices


def summary(study: Study) -> str:
    """Describe what a run of a study works on, in words."""
    labels = study.subjects["label"].value_counts()
    cohort = study.cohort["split"].value_counts()
    counts = [f"{n} {label}" for label, n in labels.items() if label]
    counts += [f"{labels['']} without a label"] if "" in labels else []
    models = len(study.ablations) * len(study.folds)
    return "\n".join(
        [
            f"study      {study.config.study}, results in {study.root}",
            f"subjects   {len(study.subjects)}: {', '.join(counts) or 'none'}; "
            f"{len(study.excluded)} excluded or withdrawn",
            f"channels   {', '.join(study.channels)}",
            *([f"masks      {', '.join(study.masks)}"] if study.masks else []),
            f"cohort     {study.cohort_name}: {cohort.get('train', 0)} to train on, "
            f"{cohort.get('test', 0)} to test on, {len(study.folds)} folds",
            f"models     {len(study.ablations)} input combinations x {len(study.folds)} folds = "
            f"{models}",
        ]
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Check a study: 0 if nothing is wrong, 1 if there are warnings, 2 if it cannot run."""
    parser = argparse.ArgumentParser(
        prog="ricenet check",
        description="Check settings files, tables and raw paths of a study. Nothing is written. "
        "Untrusted files are checked before anything in them is used.",
    )
    parser.add_argument("file", nargs="*", type=Path, help="settings files")
    parser.add_argument(
        "--configfile", nargs="+", default=[], type=Path, help="the same, as for snakemake"
    )
    args = parser.parse_args(argv)
    try:
        study, warnings = read([*args.file, *args.configfile])
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(summary(study))
    for text in warnings:
        print(f"warning: {text}")
    print(f"{len(warnings)} warnings" if warnings else "no problems found")
    return 1 if warnings else 0
