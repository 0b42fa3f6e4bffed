"""Running a step as a program: its exit status, and its limits where it reads untrusted files."""

from __future__ import annotations

import argparse
import contextlib
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from ricenet.provenance import atomic
from ricenet.step import SHOWN, failure, lease, sandbox


def run(
    main: Callable[[], object],
    *,
    step: str,
    argv: Sequence[str],
    memory_mb: int | None = None,
    seconds: int | None = None,
) -> None:
    """Run a step's ``main`` as a program: an error that the Job has shown ends with status 1.

    With ``memory_mb`` and ``seconds`` it runs in a child process with these limits, for steps that
    read what others have written (see :mod:`ricenet.step.sandbox`).
    """
    if memory_mb is None or seconds is None or not sandbox.available():
        _run(main)
        return
    limits = sandbox.Limits(memory_mb, seconds)
    end = sandbox.run(lambda: _run(main), limits)
    if end.signal or end.status:
        _clean_up(end.pid, sandbox.why(end, limits), step, argv)
    if end.signal in (signal.SIGINT, signal.SIGTERM):
        sandbox.pass_on(end.signal)
    sys.exit(1 if end.signal else end.status)


def _run(main: Callable[[], object]) -> None:
    with contextlib.suppress(BrokenPipeError):
        try:
            main()
        except Exception as error:
            if SHOWN not in getattr(error, "__notes__", ()):
                raise
            # the interpreter's own traceback would repeat raw paths
            sys.exit(1)


def _clean_up(pid: int, reason: str, step: str, argv: Sequence[str]) -> None:
    """Clean up after a child that died, as its Job does on an error.

    ``reason`` is empty where the Job itself has shown why.
    """
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    for flag in ("--record", "--log", "--out"):
        parser.add_argument(flag, type=Path)
    args = parser.parse_known_args(argv)[0]
    files = [path for path in (args.record, args.out) if path]
    sandbox.remove_temporaries(pid, {path.parent for path in files})
    if args.record:
        lease.remove_dead(args.record, pid)
    if not reason:
        return
    place = failure.place_of(files[0]) if files else ""
    line = f"[{place} {step}] error: {reason}"
    print(line, file=sys.stderr, flush=True)
    if args.log:
        args.log.parent.mkdir(parents=True, exist_ok=True)
        with args.log.open("a", encoding="utf-8") as log:
            log.write(line + "\n")
        note = {"step": step, "place": place, "why": reason}
        atomic.write_json(failure.note_of(args.log), note)
