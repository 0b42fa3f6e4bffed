"""Running a step in a child process with limits, so that hostile input cannot take the machine.

A decoder that crashes, exhausts memory or never ends affects the child alone. The parent waits,
reports in one line what happened, and removes what the child left.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

try:
    import resource
except ImportError:  # not a POSIX system: the step runs without limits
    resource = None  # type: ignore[assignment]

POLL_S = 0.02  # short against the start of Python, long against a turn of the loop
GRACE_S = 5  # between SIGXCPU, and SIGKILL to a library that catches it
PR_SET_PDEATHSIG = 1  # prctl(2)
MEGABYTE = 2**20


@dataclass(frozen=True)
class Limits:
    """What a child may use.

    Attributes
    ----------
    memory_mb : int
        Address space beyond that of the process when it forks, MB.
    seconds : int
        Processor time, and time on the clock.
    """

    memory_mb: int
    seconds: int


@dataclass(frozen=True)
class End:
    """How a child ended.

    Attributes
    ----------
    status : int
        Exit status, 0 where a signal ended it.
    signal : int
        Signal that ended it, 0 where none did.
    late : bool
        The parent stopped it, because its time was over.
    pid : int
        Its process id, part of the names of its temporary files.
    """

    status: int
    signal: int
    late: bool
    pid: int


def available() -> bool:
    """Return whether this system can confine a process."""
    return resource is not None and hasattr(os, "fork")


def run(work: Callable[[], None], limits: Limits) -> End:
    """Run ``work`` in a forked child and wait for its end.

    SIGINT and SIGTERM to the parent stop the child; the parent then dies of the same signal,
    after ``End`` was made: the caller cleans up and calls :func:`pass_on`.

    Parameters
    ----------
    work : function
        Its ``SystemExit`` becomes the child's status; other exceptions show their traceback.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child == 0:
        _child(work, limits)
    received: list[int] = []

    def stop(number: int, frame: FrameType | None) -> None:
        received.append(number)
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGTERM)

    before = {s: signal.signal(s, stop) for s in (signal.SIGINT, signal.SIGTERM)}
    try:
        status, late = _wait(child, limits.seconds)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    ended_by = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
    code = os.WEXITSTATUS(status) if os.WIFEXITED(status) else 0
    return End(code, received[0] if received else ended_by, late, child)


def _wait(child: int, seconds: int) -> tuple[int, bool]:
    """Wait for a child; return its ``waitpid`` status, and whether it was killed for being late."""
    end, late = time.monotonic() + seconds, False
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return status, late
        if not late and time.monotonic() > end:
            late = True
            os.kill(child, signal.SIGKILL)
        time.sleep(POLL_S)


def _child(work: Callable[[], None], limits: Limits) -> None:
    """Set the limits, work, and leave without the parent's exit handlers."""
    status = 1
    try:
        _die_with_parent()
        _limit(limits)
        work()
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)


def _limit(limits: Limits) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core file would hold patient data
    _lower(resource.RLIMIT_CPU, limits.seconds, limits.seconds + GRACE_S)
    with contextlib.suppress(OSError):  # no /proc: the size is unknown, no limit is sensible
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        size = pages * resource.getpagesize() + limits.memory_mb * MEGABYTE
        _lower(resource.RLIMIT_AS, size, size)


def _lower(kind: int, soft: int, hard: int) -> None:
    """Set a limit; one that is already stricter stays."""
    now = resource.getrlimit(kind)[1]
    if now != resource.RLIM_INFINITY:
        soft, hard = min(soft, now), min(hard, now)
    resource.setrlimit(kind, (soft, hard))


def _die_with_parent() -> None:
    # a killed parent (scheduler, out-of-memory killer) must not leave a writer behind
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def why(end: End, limits: Limits) -> str:
    """Return one line for a child that was ended.

    What, which limit, what to do; empty if it was not.
    """
    advice = "the raw data are damaged or hostile: export them again, uncompressed"
    if end.late or end.signal == signal.SIGXCPU:
        return f"not done after {limits.seconds} s, its limit, and stopped; {advice}"
    if end.signal in (signal.SIGINT, signal.SIGTERM):
        return f"stopped by {signal.Signals(end.signal).name}; run it again"
    if end.signal == signal.SIGKILL:
        return (
            f"killed from outside, probably for lack of memory (its own limit is "
            f"{limits.memory_mb} MB); give the job more memory and run it again"
        )
    if end.signal:
        name = signal.Signals(end.signal).name
        return f"a library crashed ({name}) within {limits.memory_mb} MB, its limit; {advice}"
    return ""


def exhausted(error: BaseException) -> str:
    """Explain an exception that is due to a limit and not to a fault in the code; else empty."""
    if isinstance(error, MemoryError):
        return (
            "out of memory: the raw data claim more than a step may use; they are damaged or "
            "hostile, or the job needs more memory; export them again"
        )
    if type(error).__name__ == "OutOfMemoryError":  # torch's, which steps without it do not load
        return (
            f"the memory of the GPU ran out: {str(error).splitlines()[0][:200]}; look for other "
            "programs on it (nvidia-smi) and start again, or set a smaller batch_size"
        )
    if isinstance(error, RecursionError):
        return "nested too deep: the raw data are damaged or hostile; export them again"
    return ""


def remove_temporaries(pid: int, folders: set[Path]) -> None:
    """Remove what a dead process has staged beside its outputs, see ``Job.stage``."""
    # the record's text has the process id at the end of its name, while it is written
    patterns = (f".{pid}.*", f".*.{pid}.tmp")
    for folder in folders:
        for temporary in [path for pattern in patterns for path in folder.glob(pattern)]:
            temporary.unlink(missing_ok=True)


def pass_on(number: int) -> None:
    """Exit by a signal that was meant for this process, so that its caller sees that."""
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
