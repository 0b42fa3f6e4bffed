"""Running a step as a program: its exit status, and its limits where it reads what others wrote."""

from __future__ import annotations

import argparse
import contextlib
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from ricenet import confined, lease, provenance, step


def run(
    main: Callable[[], None], *, memory_mb: int | None = None, seconds: int | None = None
) -> None:
    """Run a step's ``main`` as a program: what the Job has shown ends with status 1, no more.

    With ``memory_mb`` and ``seconds`` it runs in a child process with these limits, for steps that
    read what others have written (see :mod:`ricenet.confined`).
    """
    if memory_mb is None or seconds is None or not confined.available():
        _run(main)
        return
    limits = confined.Limits(memory_mb, seconds)
    end = confined.run(lambda: _run(main), limits)
    if end.signal or end.status:
        _bury(end.pid, confined.why(end, limits), sys.argv[1:])
    if end.signal in (signal.SIGINT, signal.SIGTERM):
        confined.pass_on(end.signal)
    sys.exit(1 if end.signal else end.status)


def _run(main: Callable[[], None]) -> None:
    with contextlib.suppress(BrokenPipeError):
        try:
            main()
        except Exception as error:
            if step.SHOWN not in getattr(error, "__notes__", ()):
                raise
            # the interpreter's own traceback would repeat raw paths
            sys.exit(1)


def _bury(pid: int, reason: str, argv: Sequence[str]) -> None:
    """Do for a Job in a dead child what it does on an error; ``reason`` is empty if it did."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    for flag in ("--record", "--log", "--out"):
        parser.add_argument(flag, type=Path)
    args = parser.parse_known_args(argv)[0]
    files = [path for path in (args.record, args.out) if path]
    confined.remove_temporaries(pid, {path.parent for path in files})
    if args.record:
        lease.remove_dead(args.record, pid)
    if not reason:
        return
    place = "/".join(files[0].with_suffix("").parts[-2:]) if files else ""
    name = Path(sys.argv[0]).stem
    line = f"[{place} {name}] error: {reason}"
    print(line, file=sys.stderr, flush=True)
    if args.log:
        args.log.parent.mkdir(parents=True, exist_ok=True)
        with args.log.open("a", encoding="utf-8") as log:
            log.write(line + "\n")
        note = {"step": name, "place": place, "why": reason}
        provenance.write_json(step.failure_note(args.log), note)
