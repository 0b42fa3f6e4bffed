"""Every file read once: its digest, and the invariants that need it; several processes, a bar."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from ricenet.audit import dose_invariants, invariants
from ricenet.audit.finding import Finding, finding
from ricenet.audit.records import Record
from ricenet.image.volume import Volume, load
from ricenet.provenance import digests
from ricenet.study import ownership

STEPS_WITH_INVARIANTS = (
    "resample", "brain_mask", "align", "align_mask", *invariants.NORMALISED, "total_dose", "crop",
    "cache",
)  # fmt: skip


@dataclass(frozen=True)
class Task:
    """The work of one process at a time: the files of a subject, or a single one.

    Attributes
    ----------
    root : Path
        The study's folder.
    files : tuple of str
        Files to digest.
    records : tuple of Record
        Records whose invariants are computed from them.
    ledgers : dict
        Ledger of each dose by the name of its record, with the native ``file``.
    """

    root: Path
    files: tuple[str, ...]
    records: tuple[Record, ...] = ()
    ledgers: Mapping[str, dict[str, Any]] = field(default_factory=dict)


@dataclass
class Measured:
    """What was found.

    Attributes
    ----------
    digests : dict
        Digest of each file, or why there is none: fewer than 64 characters, or more.
    findings : list of Finding
    bytes : int
        How much was read.
    seconds : float
    """

    digests: dict[str, str] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    bytes: int = 0
    seconds: float = 0.0


class VolumeCache:
    """Volumes of a subject, each read and digested once and released after its last use."""

    def __init__(self, root: Path, uses: Counter[str]) -> None:
        self.root, self.uses = root, uses
        self.digests: dict[str, str] = {}
        self._volumes: dict[str, Volume] = {}

    def volume(self, name: str) -> Volume:
        """Return the volume of a file; ``ValueError`` or ``OSError`` where it cannot be read."""
        if name not in self._volumes:
            require_file(self.root / name)
            volume = load(self.root / name, parts=True)
            self.digests[name] = digests.volume_digest(volume)
            self._volumes[name] = volume
        return self._volumes[name]

    def array(self, name: str) -> NDArray:
        """Return the memory map of a cache file."""
        require_file(self.root / name)
        return np.load(self.root / name, mmap_mode="r", allow_pickle=False)

    def done_with(self, names: Iterable[str]) -> None:
        """Count one use of each file, and release those that are no longer needed."""
        for name in names:
            self.uses[name] -= 1
            if self.uses[name] <= 0:
                self._volumes.pop(name, None)


def tasks(root: Path, files: Iterable[str], records: Iterable[Record]) -> list[Task]:
    """Divide the work: a subject's files together, the others one by one; large ones first."""
    by_subject: dict[str, list[Record]] = {}
    ledgers = {}
    for record in records:
        if record.step in STEPS_WITH_INVARIANTS:
            by_subject.setdefault(record.subject, []).append(record)
        if record.step == "ingest_dose":
            (native,) = record.named("outputs", "out")
            ledgers[record.name] = record.content["facts"]["ledger"] | {"file": native}
    own = {subject: _files(group) for subject, group in by_subject.items()}
    together = set().union(*own.values()) if own else set()
    wanted = set(files)
    divided = [
        Task(root, tuple(sorted(own[s] & wanted)), tuple(group), _ledgers(s, ledgers))
        for s, group in by_subject.items()
    ]
    divided += [Task(root, (file,)) for file in sorted(wanted - together)]
    return sorted(divided, key=lambda task: -size_of(task))


def _files(records: Iterable[Record]) -> set[str]:
    return {file for record in records for side in ("inputs", "outputs")
            for file, _ in record.files(side)}  # fmt: skip


def _ledgers(subject: str, ledgers: Mapping[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {
        name: ledger for name, ledger in ledgers.items() if ownership.subject_of(name) == subject
    }


def size_of(task: Task) -> int:
    """Return the size in bytes of the existing files of a task."""
    paths = (task.root / name for name in task.files)
    return sum(path.stat().st_size for path in paths if path.is_file())


def measure(task: Task) -> Measured:
    """Digest the files of a task and compute the invariants of its records."""
    uses = Counter(file for record in task.records for file in _files([record]))
    volumes, measured = VolumeCache(task.root, uses), Measured(bytes=size_of(task))
    for record in task.records:
        measured.findings += _findings(record, volumes, task.ledgers)
        volumes.done_with(_files([record]))
    for name in task.files:
        measured.digests[name] = volumes.digests.get(name) or digest_or_reason(task.root / name)
    return measured


def _findings(record: Record, volumes: VolumeCache, ledgers: Mapping[str, Any]) -> list[Finding]:
    """Compute the invariants of one record.

    Where they cannot be computed, that is what does not hold.
    """
    try:
        return _computed(record, volumes, ledgers)
    except (ArithmeticError, EOFError, LookupError, OSError, ValueError):
        # a file that is missing or damaged is named for that, and its findings do not count
        (file, _), *_ = record.files("outputs")
        return [finding(record, file, sorted(_files([record])), "computable", 0, at_least=1)]


def _computed(record: Record, volumes: VolumeCache, ledgers: Mapping[str, Any]) -> list[Finding]:
    match record.step:
        case "resample":
            return invariants.of_resample(record, volumes.volume)
        case "brain_mask":
            return invariants.of_mask(record, volumes.volume)
        case "align_mask":
            return invariants.of_align_mask(record, volumes.volume)
        case "align":
            findings = invariants.of_align(record, volumes.volume)
            dose = record.value("kind") == "dose"
            return findings + (dose_invariants.of_align(record, volumes.volume) if dose else [])
        case normalisation if normalisation in invariants.NORMALISED:
            return invariants.NORMALISED[normalisation](record, volumes.volume)
        case "total_dose":
            (ledger,) = record.named("inputs", "ledger")
            return dose_invariants.of_total_dose(record, volumes.volume, ledgers[ledger])
        case "crop":
            return invariants.of_crop(record, volumes.volume)
        case _:
            return invariants.of_cache(record, volumes.volume, volumes.array)


def require_file(path: Path) -> None:
    """Raise ``ValueError`` for a link: what it leads to is not part of the study."""
    if path.is_symlink():
        raise ValueError("a link, not a file")


def digest_or_reason(path: Path) -> str:
    """Return the digest of a file, or why there is none."""
    if not path.is_symlink() and not path.is_file():
        return "missing"
    try:
        require_file(path)
        return digests.file_digest(path)
    except (OSError, ValueError) as error:
        return f"unreadable ({error})"


def is_digest(text: str) -> bool:
    """Return whether a digest was found, and not a reason."""
    return len(text) == 64 and " " not in text


def run(todo: Sequence[Task], *, processes: int, show: bool = False) -> Measured:
    """Measure all tasks; ``show`` draws a bar of the bytes read on the terminal."""
    total, started = Measured(), time.monotonic()
    size = sum(map(size_of, todo))
    with tqdm(total=size, unit="B", unit_scale=True, disable=not show) as bar:
        for measured in _measured(todo, processes):
            total.digests |= measured.digests
            total.findings += measured.findings
            total.bytes += measured.bytes
            bar.update(measured.bytes)
    total.seconds = time.monotonic() - started
    return total


def _measured(todo: Sequence[Task], processes: int) -> Iterator[Measured]:
    """Yield the results in order of completion."""
    if processes == 1:
        yield from map(measure, todo)
        return
    with ProcessPoolExecutor(processes) as pool:
        for future in as_completed([pool.submit(measure, task) for task in todo]):
            yield future.result()


def available_processes() -> int:
    """Return the cores that this process may use."""
    return len(os.sched_getaffinity(0))
