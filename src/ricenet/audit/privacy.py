"""Search of everything that was written for names, UIDs, dates and raw paths.

What is found is named by its kind and place; the text itself is never repeated. Without raw data
the search is for patterns; with them, also for each identity of their headers.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ricenet.audit import texts
from ricenet.audit.identities import Identities, collect
from ricenet.audit.records import Problem
from ricenet.study import study_folder

_YEAR, _MONTH, _DAY = r"(?:19|20)\d\d", r"(?:0[1-9]|1[0-2])", r"(?:0[1-9]|[12]\d|3[01])"
# not within a number or a digest, whose digits are a date by chance
_FREE, _END = r"(?<![\w.+-])", r"(?![\w]|[.]\d)"
PATTERNS = {
    # PS3.5 section 9: numbers joined by dots; fewer than five are a version or an address
    "a UID": re.compile(rf"{_FREE}[0-2](?:\.(?:0|[1-9]\d*)){{4,}}{_END}"),
    "a date": re.compile(
        rf"{_FREE}(?:{_YEAR}{_MONTH}{_DAY}|{_YEAR}([-/.]){_MONTH}\1{_DAY}"
        rf"|{_DAY}([-/.]){_MONTH}\2{_YEAR})(?:T[\d:.]+)?{_END}"
    ),
    # PS3.5 section 6.2: family and given names are divided by a caret
    "a name": re.compile(r"[^\W\d_]{2,}\^[^\W\d_]+"),
    "an absolute path": re.compile(
        r"(?<![\w.:/<>)\]-])(?:/[\w.@+~-]+){2,}|(?<!\w)[A-Za-z]:\\[\w.@+~ -]+\\"
    ),
}


@dataclass(frozen=True)
class Hit:
    """Something found in a piece of text: its kind, and the place within the file."""

    kind: str
    place: str


def search(text: str, identities: Identities | None) -> list[str]:
    """Return the kinds of what a piece of text holds."""
    kinds = [kind for kind, pattern in PATTERNS.items() if pattern.search(text)]
    return kinds + (identities.within(text) if identities else [])


def of_file(root: Path, identities: Identities | None, name: str) -> list[Hit]:
    """Return everything found in one file and in its name.

    A file that cannot be read has its digest.
    """
    hits = [Hit(kind, "its name") for kind in search(name, identities)]
    try:
        for where, text in texts.of_file(root / name):
            hits += [Hit(kind, where) for kind in search(text, identities)]
    except (OSError, ValueError, EOFError):
        pass
    return hits


def all_files(root: Path) -> Iterator[str]:
    """Yield the names of all files of a study, logs and benchmarks too."""
    for folder, _, names in os.walk(root):
        for name in sorted(names):
            yield (Path(folder) / name).relative_to(root).as_posix()


def problems(root: Path, *, against: Path | None, processes: int) -> list[Problem]:
    """Search all files of a study.

    Parameters
    ----------
    against : Path or None
        Raw DICOM files; the ids of the study's own subjects do not count as identities.
    """
    subjects = study_folder.subjects(root)
    identities = collect(against, allowed=subjects) if against else None
    names, one = list(all_files(root)), partial(of_file, root, identities)
    if processes == 1:
        all_hits = [one(name) for name in names]
    else:
        with ProcessPoolExecutor(processes) as pool:
            all_hits = list(pool.map(one, names, chunksize=16))
    return [p for name, hits in zip(names, all_hits, strict=True) for p in _told(name, hits)]


def _told(name: str, hits: Iterable[Hit]) -> Iterator[Problem]:
    by_kind: dict[str, list[str]] = {}
    for hit in hits:
        by_kind.setdefault(hit.kind, []).append(hit.place)
    for kind, where in by_kind.items():
        more = f" and {len(where) - 1} more" if len(where) > 1 else ""
        yield Problem(name, "private", f"{kind} in {where[0]}{more}")
