"""``ricenet new NAME``: the folder of a new study, from a few questions.

What is answered by an option is not asked; where no person sits at a terminal, nothing is.
"""

from __future__ import annotations

import argparse
import re
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import yaml

from ricenet.cohort import overrides, tables
from ricenet.config.settings_files import CHECKOUT
from ricenet.scan.command import proposed

SETTINGS, SUBJECTS, FOLDS, DECISIONS = (
    "config.yaml",
    "subjects.tsv",
    "cohort-a.tsv",
    "overrides.tsv",
)
CHANNELS = {  # what a study looks at: the settings file with its channels, and their names
    "rice-net": ("", ("postop", "event", "dose")),
    "sequences": ("config/sequences/config.yaml", ("t1ce", "t1", "t2", "flair")),
}
MACHINES = {
    name: f"workflow/profiles/{folder}"
    for name, folder in (("this", "local"), ("slurm", "slurm"), ("cluster", "generic"))
}
QUESTIONS = {
    "raw": "Raw images: folder of a DICOM export, or a subjects table that you have (empty: later)",
    "channels": "What the networks get: rice-net (MRI after resection, MRI of the event, dose) or "
    "sequences (T1ce, T1, T2, FLAIR of one visit)",
    "cohort": "Table of folds and test patients that you have (empty: ricenet freeze makes one)",
    "results": "Folder for the results",
    "machine": "Where it runs: this (this machine), slurm, or cluster (LSF, Grid Engine)",
}
DEFAULTS = {"raw": "", "cohort": "", "results": "results"}
DEFAULTS |= {"channels": "rice-net", "machine": "this"}


class Answers(NamedTuple):
    """What a person wants: a row of :data:`QUESTIONS` each, as text."""

    raw: str
    channels: str
    cohort: str
    results: str
    machine: str


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="ricenet new",
        description="Write the folder of a new study: settings, subjects table, cohort, decisions. "
        "What no option says is asked at a terminal; elsewhere the default is taken.",
    )
    parser.add_argument("name", help="of the study: letters, digits and '-'")
    parser.add_argument("--folder", type=Path, help="folder to make; default config/NAME")
    choices = {"channels": list(CHANNELS), "machine": list(MACHINES)}
    for key, question in QUESTIONS.items():
        said = f"{question}; default {DEFAULTS[key]}" if DEFAULTS[key] else question
        parser.add_argument(f"--{key}", choices=choices.get(key), help=said)
    parser.add_argument("--key", type=Path, help="as for ricenet scan")
    parser.add_argument("--labels", type=Path, help="as for ricenet scan")
    return parser.parse_args(argv)


def asked(arguments: argparse.Namespace) -> Answers:
    """Return the answers: options, else what a person at the terminal writes, else defaults."""
    given = {key: getattr(arguments, key) for key in QUESTIONS}
    at_terminal = sys.stdin.isatty()
    for key, question in QUESTIONS.items():
        if given[key] is None:
            shown = f"{question} [{DEFAULTS[key]}]: " if DEFAULTS[key] else f"{question}: "
            given[key] = (input(shown).strip() if at_terminal else "") or DEFAULTS[key]
    return Answers(**given)


def require_usable(name: str, folder: Path, answers: Answers) -> None:
    """Refuse what could not run, before anything is written.

    Raises
    ------
    ValueError
        With the remedy.
    """
    if not re.fullmatch(tables.ID_PATTERN, name):
        raise ValueError(f"the name {name[:40]!r} is not of letters, digits and '-', at most 63")
    if folder.exists():
        raise ValueError(f"{folder} exists already; give another name or --folder")
    if answers.channels not in CHANNELS:
        raise ValueError(f"channels {answers.channels[:40]!r}: write {' or '.join(CHANNELS)}")
    if answers.machine not in MACHINES:
        raise ValueError(f"machine {answers.machine[:40]!r}: write {', '.join(MACHINES)}")
    for path in filter(None, (answers.raw, answers.cohort)):
        if not Path(path).exists():
            raise ValueError(f"{path}: no such file or folder")
    of_shipped, _ = CHANNELS[answers.channels]
    if of_shipped and answers.raw and Path(answers.raw).is_dir():
        raise ValueError(
            "a scan of an export proposes post-operative MRI, event and dose only; leave --raw "
            "empty and fill in the subjects table by hand"
        )


def tables_of(folder: Path, answers: Answers) -> tuple[Path, Path]:
    """Return where the subjects table and the cohort file are: those that are there stay there."""
    own = answers.raw and not Path(answers.raw).is_dir()
    subjects = Path(answers.raw) if own else folder / SUBJECTS
    return subjects, Path(answers.cohort) if answers.cohort else folder / FOLDS


def settings_text(name: str, folder: Path, answers: Answers) -> str:
    """Return the settings file of a study: what differs from ``config/config.yaml``."""
    shipped, _ = CHANNELS[answers.channels]
    own = ""
    if shipped:
        text = (CHECKOUT / shipped).read_text(encoding="utf-8")
        own = text.partition(f"\nstudy: {answers.channels}\n")[2]
    subjects, cohort = tables_of(folder, answers)
    values = {
        "study": name,
        "results": answers.results,
        "subjects": str(subjects),
        "cohort": str(cohort),
        "overrides": str(folder / DECISIONS),
    }
    head = (
        f"# Settings of the study {name}: what differs from config/config.yaml, whose keys\n"
        "# config/README.md explains.\n\n"
    )
    return head + yaml.safe_dump(values, sort_keys=False, allow_unicode=True) + own


def files_of(
    name: str, folder: Path, arguments: argparse.Namespace, answers: Answers
) -> dict[str, str]:
    """Return the text of each file of the folder."""
    files = {
        SETTINGS: settings_text(name, folder, answers),
        DECISIONS: "\t".join(overrides.COLUMNS) + "\n",
    }
    subjects, cohort = tables_of(folder, answers)
    if cohort.parent == folder:
        files[FOLDS] = "\t".join(tables.COHORT_COLUMNS) + "\n"
    if subjects.parent == folder and answers.raw:
        files[SUBJECTS] = proposed(
            Path(answers.raw), out=subjects, prefix="P", key=arguments.key,
            labels=arguments.labels, must_have_parent=False,
        )  # fmt: skip
    elif subjects.parent == folder:
        of_shipped, channels = CHANNELS[answers.channels]
        optional = () if of_shipped else tables.OPTIONAL_COLUMNS
        files[SUBJECTS] = "\t".join(["subject", "label", *channels, *optional]) + "\n"
    return files


def write(folder: Path, files: dict[str, str]) -> None:
    """Write the files of a folder that appears whole or not at all."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        temporary.chmod(0o755)
        for name, text in files.items():
            (temporary / name).write_text(text, encoding="utf-8")
        temporary.rename(folder)
    except OSError:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def next_steps(name: str, folder: Path, answers: Answers) -> str:
    """Return what a person does next, as commands."""
    subjects, _ = tables_of(folder, answers)
    settings = f"--configfile {folder / SETTINGS}"
    run = f"ricenet run{{}} {settings}"
    if answers.machine != "this":
        run += f" --profile {MACHINES[answers.machine]}"
    fill = "correct the rows, add the labels" if answers.raw else "fill in the rows"
    steps = {
        f"$EDITOR {subjects}": f"read its comments, {fill}",
        f"ricenet check {folder / SETTINGS}": "settings, tables, raw paths",
        run.format(" preprocess"): "images and dose, no training; then look at everybody's "
        f"overview.png in {answers.results}/{name}/subjects",
        f"ricenet freeze {FOLDS.removesuffix('.tsv')} --test-share 0.13 {settings}": "folds and "
        "test patients",
        f"ricenet new-plan {settings} --out {folder / 'plan.yaml'}": "what will be reported of the "
        "test patients; correct it, then set analysis_plan",
        run.format(""): "the rest, up to the report",
    }
    frozen = bool(answers.cohort)
    return "\n".join(
        f"  {command}\n      {said}"
        for command, said in steps.items()
        if not (frozen and command.startswith("ricenet freeze"))
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Ask, write the folder, say what is next; 1 where that cannot be."""
    arguments = parse(argv)
    name = arguments.name
    folder = arguments.folder or (Path("config") if Path("config").is_dir() else Path()) / name
    try:
        answers = asked(arguments)
        require_usable(name, folder, answers)
        files = files_of(name, folder, arguments, answers)
        write(folder, files)
    except (ValueError, OSError, EOFError) as problem:
        print(f"ricenet new: {problem or 'no answer'}; nothing was written", file=sys.stderr)
        return 1
    print(f"{folder}: {', '.join(files)}\n\nnext:\n{next_steps(name, folder, answers)}")
    return 0
