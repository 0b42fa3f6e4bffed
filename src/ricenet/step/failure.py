"""What a step leaves behind when it fails: an error for people, and a note beside its log."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable
from pathlib import Path

from ricenet.provenance import atomic
from ricenet.step import sandbox, staging

SHOWN = "shown by the step"  # note on an exception whose text is in the log


def note_of(log: Path) -> Path:
    """Return the file beside a log that states why the step failed; none after a success."""
    return log.with_suffix(".failed.json")


def place_of(result: Path) -> str:
    """Return the short name of a result for messages: its folder and its name, without ending."""
    return "/".join(result.with_suffix("").parts[-2:])


def write_note(log: Path, *, step: str, place: str, why: str, silent: bool = False) -> None:
    """Write the note; where there is no room for it, the message was at least shown.

    Parameters
    ----------
    silent : bool
        Whether the step itself could say nothing, and others found it dead.
    """
    note = {"step": step, "place": place, "why": why} | ({"silent": True} if silent else {})
    with contextlib.suppress(OSError):
        log.parent.mkdir(parents=True, exist_ok=True)
        atomic.write_json(note_of(log), note)


def known_reason(error: BaseException, folder: Path, place: str) -> str:
    """Return a message on an error that a person can correct; empty for an unexpected error.

    Parameters
    ----------
    folder : path
        Where the step writes, for what is said of its disk.
    place : str
        Short name of the step's result.
    """
    if type(error) is ValueError:
        return str(error)
    return sandbox.exhausted(error) or staging.trouble(error, folder, place)


def without_raw(text: str, paths: Iterable[Path]) -> str:
    """Return a text in which raw paths, and names of files below them, are replaced."""
    for path in paths:
        for form in (path.resolve(), path):
            text = re.sub(re.escape(str(form)) + r"[^'\"\n]*", "<raw>", text)
    return text
