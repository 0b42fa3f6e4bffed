"""Calls in a forked child with limits: hostile files may crash it, fill memory, or never end."""

from __future__ import annotations

import faulthandler
import json
import multiprocessing
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass

from ricenet.step import sandbox

LIMITS = sandbox.Limits(memory_mb=4000, seconds=600)


@dataclass(frozen=True)
class Outcome:
    """What became of a call.

    Attributes
    ----------
    kind : str
        ``fine``, ``refused`` (ValueError), ``exhausted`` (a limit, which the step words as an
        error), ``raised`` (anything else), ``died`` or ``late``.
    text : str
        Result, message, or how it died.
    seconds, extra_mb : float
        Time, and growth of the largest resident size.
    """

    kind: str
    text: str
    seconds: float = 0.0
    extra_mb: float = 0.0


def attempt(call: Callable[[], object]) -> Outcome:
    """Call in this process; every exception becomes an outcome."""
    started, before = time.monotonic(), _peak_mb()
    try:
        kind, text = "fine", str(call())
    except ValueError as error:
        kind, text = "refused", str(error)
    except (MemoryError, RecursionError) as error:
        kind, text = "exhausted", sandbox.exhausted(error)
    except Exception as error:
        kind, text = "raised", f"{type(error).__name__}: {error}"
    return Outcome(kind, text, time.monotonic() - started, _peak_mb() - before)


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def in_child(calls: list[Callable[[], object]], *, timeout_s: float = 60) -> list[Outcome]:
    """Outcomes of calls in one child; fewer than calls, and a last one ``died`` or ``late``."""
    context = multiprocessing.get_context("fork")
    receive, send = context.Pipe(duplex=False)
    child = context.Process(target=_child, args=(calls, send))
    child.start()
    send.close()
    outcomes: list[Outcome] = []
    end = time.monotonic() + timeout_s
    try:
        while len(outcomes) < len(calls) and receive.poll(max(0.0, end - time.monotonic())):
            outcomes.append(Outcome(**json.loads(receive.recv_bytes())))
    except EOFError:
        child.join()
        outcomes.append(Outcome("died", f"exit {child.exitcode}"))
    else:
        if len(outcomes) < len(calls):
            outcomes.append(Outcome("late", f"over {timeout_s} s"))
    child.kill()
    child.join()
    return outcomes


def _child(calls: list[Callable[[], object]], send) -> None:
    faulthandler.disable()  # pytest's: a crash is an outcome here, and needs no trace
    sandbox._limit(LIMITS)
    for call in calls:
        send.send_bytes(json.dumps(attempt(call).__dict__).encode())


def one(call: Callable[[], object], *, timeout_s: float = 60) -> Outcome:
    """Outcome of one call in its own child."""
    return in_child([call], timeout_s=timeout_s)[0]
