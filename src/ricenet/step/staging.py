"""Temporary names of outputs, what killed steps left under them, and full disks."""

from __future__ import annotations

import errno
import os
import re
import shutil
from collections.abc import Iterable
from pathlib import Path

FULL = (errno.ENOSPC, errno.EDQUOT)
READ_ONLY = (errno.EROFS, errno.EACCES, errno.EPERM)
NO_ROOM_BYTES = 1 << 20  # less than any output needs


def temporary(path: Path) -> Path:
    """Return a temporary name beside ``path``, with the same suffixes."""
    return path.with_name(f".{os.getpid()}.{path.name}")


def remove_left_over(outputs: Iterable[Path]) -> None:
    """Remove temporary files of a step that was killed; nobody else may be writing."""
    by_folder: dict[Path, list[str]] = {}
    for path in outputs:
        by_folder.setdefault(path.parent, []).append(re.escape(path.name))
    for folder, names in by_folder.items():
        # outputs and resume points; the record while it is staged; text while it is written
        name = rf"({'|'.join(names)}|resume-[0-9a-f]+\.safetensors)"
        patterns = rf"\.\d+\.{name}|\.?\.\d+\.{name}\.tmp(\.\d+\.tmp)?|\.{name}\.\d+\.tmp"
        for entry in os.scandir(folder) if folder.is_dir() else ():
            if re.fullmatch(patterns, entry.name):
                Path(entry.path).unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Wait until a file is on the disk; a late write error is raised here."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def trouble(error: BaseException, folder: Path, place: str) -> str:
    """Explain an error that the disk gave; empty if it was something else.

    Some libraries say that the disk is full without its error number, or not at all; an error on a
    disk without any room counts as that.

    Parameters
    ----------
    folder : path
        Where the step writes.
    place : str
        The same for the message, relative to the study.
    """
    number = error.errno if isinstance(error, OSError) else None
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    if number in FULL or (isinstance(error, Exception) and free < NO_ROOM_BYTES):
        why = "no room (disk or quota)" if number in FULL else f"{type(error).__name__}, no room"
        return f"{why} for {place}: {free:,} bytes are free there; make room, then start again"
    if number in READ_ONLY and not os.access(folder, os.W_OK):
        return f"{place} cannot be written: its folder is read-only; change that, then start again"
    return ""
