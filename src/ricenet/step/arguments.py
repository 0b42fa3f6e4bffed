"""Command line of a step: its own flags, and those that every step has."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from ricenet.provenance import raw_files


def parser(step: str, files: Iterable[str], values: Iterable[str]) -> argparse.ArgumentParser:
    """Make the parser of a step.

    Parameters
    ----------
    step : str
        Its name in :data:`ricenet.provenance.steps.STEPS`.
    files : iterable of str
        Flags that hold files; one that ends in ``*`` takes any number.
    values : iterable of str
        Flags that hold text; one that ends in ``?`` may be left out.
    """
    made = argparse.ArgumentParser(prog=f"python -m ricenet {step}", allow_abbrev=False)
    for name in files:
        many = "*" if name.endswith("*") else None
        made.add_argument(f"--{name.rstrip('*')}", type=Path, required=True, nargs=many)
    for name in values:
        made.add_argument(f"--{name.rstrip('?')}", required=name[-1] != "?", default="")
    made.add_argument("--settings", default="{}", help="the step's section, as JSON")
    made.add_argument("--record", type=Path, required=True, help="JSON record to write")
    made.add_argument("--log", type=Path, help="file that repeats the messages")
    made.add_argument("--threads", type=int, default=1)
    return made


def require_there(raw: Mapping[str, Sequence[Path]]) -> None:
    """Raise ``ValueError`` where a raw path, by the name of its flag, does not exist."""
    for name, paths in raw.items():
        if not all(map(raw_files.exists, paths)):
            raise ValueError(f"the path for {name!r} does not exist; correct the subject's row")
