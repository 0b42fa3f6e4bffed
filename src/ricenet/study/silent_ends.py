"""Notes for jobs that ended without a message, so that the board does not guess.

A step says itself why it fails (:mod:`ricenet.step.failure`). One whose Python never began, or that
was killed, cannot: Snakemake's logger tells of each job that failed, with its command and its log,
and this writes the note.
"""

from __future__ import annotations

import contextlib
import logging
import re
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

# why and, after the last semicolon, what to do
NOT_BEGUN = (
    "its program did not begin: the shell found no Python, or Python not all of its packages; mend "
    "the environment (make setup, source .venv/bin/activate, or that of the cluster's nodes) by "
    "what is printed above Snakemake's error or in the scheduler's log of the job, then start again"
)
ENDED = (
    "its program was ended from outside and could not say why: too little memory or time, a "
    "cancelled job, or files that a network drive showed too late; start again, and if it happens "
    "once more give the step more memory or time (mem_mb, runtime) or a longer --latency-wait"
)


class Files:
    """A job as an event of Snakemake's logger tells of it.

    Attributes
    ----------
    step : str
        Step that its command calls.
    log, result : Path
        Its log, and its record or, without one, another output.
    """

    def __init__(self, event: Mapping[str, Any]) -> None:
        command = re.search(r"python -m ricenet ([\w-]+)", str(event.get("shellcmd")))
        self.step = command[1] if command else str(event.get("rule_name"))
        outputs = [Path(str(path)) for path in event.get("output") or ()]
        self.log = Path(*[str(path) for path in event.get("log") or ()][:1])
        self.result = next(iter([*(p for p in outputs if p.suffix == ".json"), *outputs, self.log]))


class SilentEnds(logging.Handler):
    """Writes the notes of a study's jobs.

    Parameters
    ----------
    logs : path
        The study's folder of logs; jobs of other workflows have theirs elsewhere.
    """

    def __init__(self, logs: Path) -> None:
        super().__init__(level=logging.ERROR)
        self.logs, self.since = logs, time.time()

    def emit(self, record: logging.LogRecord) -> None:
        """Write a note where a record of Snakemake's logger says that a job has failed.

        Of a group of jobs nothing tells which one it was: one that began and made no record.
        """
        with contextlib.suppress(OSError):  # a disk that is full or gone: the run itself says so
            self._write([Files(job) for job in _failed(vars(record))])

    def _write(self, jobs: Iterable[Files]) -> None:
        from ricenet.step import failure  # brings what no planning needs

        own = [job for job in jobs if job.log.is_relative_to(self.logs)]
        if any(self._is_new(failure.note_of(job.log)) for job in own):
            return
        left = [job for job in own if not self._is_new(job.result)]
        left.sort(key=lambda job: not self._is_new(job.log))
        for job in left[:1]:
            begun = self._is_new(job.log)
            if begun and " error: " in job.log.read_text(encoding="utf-8", errors="replace"):
                continue  # it has spoken, but the note is that of a job that still writes
            why = ENDED if begun else NOT_BEGUN
            place = failure.place_of(job.result)
            failure.write_note(job.log, step=job.step, place=place, why=why, silent=True)

    def _is_new(self, path: Path) -> bool:
        """Return whether a file was written in this run; the step empties its log at its start."""
        return path.is_file() and path.stat().st_mtime >= self.since


def _failed(event: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the jobs of an event that failed; those of a group come once more, indented."""
    if event.get("event") == "group_error":
        return list(event.get("job_error_info") or ())
    return [event] if event.get("event") == "job_error" and not event.get("indent") else []


def watch(logs: Path) -> None:
    """Write notes for the jobs that this process starts or sends away.

    A job on a cluster reads the Snakefile again, and knows best what became of its commands.
    """
    from snakemake.logging import logger

    if not any(isinstance(h, SilentEnds) and h.logs == logs for h in logger.handlers):
        logger.addHandler(SilentEnds(logs))
