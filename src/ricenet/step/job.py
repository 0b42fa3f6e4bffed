"""What every step shares: arguments, atomic outputs, the record, the log.

A step is a program ``python -m ricenet <step>`` whose ``main`` does parse, load, pure function,
save. It works inside a :class:`Job`, which holds the lease of its outputs, stages each of them
under a temporary name, and at the end renames them all and writes the JSON record; if anything is
raised, nothing appears.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
import traceback
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from ricenet.config import introduced
from ricenet.image.volume import Volume, as_stored, load, save
from ricenet.provenance import atomic, digests, planned, record, software, steps
from ricenet.step import arguments, checks, failure, lease, lines, staging
from ricenet.step.failure import SHOWN


class Job:
    """One run of one step: its arguments, its staged outputs, its record.

    Parameters
    ----------
    step : str
        Its name in :data:`ricenet.provenance.steps.STEPS`.
    argv : sequence of str or None
        Command line; ``None`` takes that of the process.
    inputs, outputs : iterable of str
        Names of the flags that hold files. A name that ends in ``*`` takes any number of files.
    raw : iterable of str
        Names of the flags that hold files outside the study. Their paths are never written out.
    values : iterable of str
        Names of the flags that hold text; one that ends in ``?`` may be left out.

    Attributes
    ----------
    args : argparse.Namespace
        Parsed arguments; ``args.<name>`` is a ``Path`` or a list of them.
    settings : dict
        The step's section of the configuration.
    """

    def __init__(
        self,
        step: str,
        argv: Sequence[str] | None,
        *,
        inputs: Iterable[str] = (),
        outputs: Iterable[str] = ("out",),
        raw: Iterable[str] = (),
        values: Iterable[str] = (),
    ) -> None:
        self.step = step
        self.argv = list(sys.argv[1:] if argv is None else argv)
        self.inputs, self.outputs, self.raw = tuple(inputs), tuple(outputs), tuple(raw)
        files = (*self.inputs, *self.outputs, *self.raw)
        self.args = arguments.parser(step, files, values).parse_args(self.argv)
        self.given: dict[str, Any] = json.loads(self.args.settings)
        self.settings = introduced.fill_in(step, self.given)
        self.record_path: Path = self.args.record
        self.known = record.Known()
        self.checks: list[dict[str, Any]] = []
        self.facts: dict[str, Any] = {}
        self.network: str | None = None  # the one that the step runs, for the digest of its code

    def __enter__(self) -> Job:
        # ITK reads the variable at its first use, torch and OpenMP when they are asked to
        for name in ("ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS", "OMP_NUM_THREADS"):
            os.environ[name] = str(self.args.threads)
        self.started = time.monotonic()
        self.lease = lease.Lease(lease.path_of(self.record_path))
        try:
            self.lease.acquire()
            self._tidy()
            planned.require(self.step, steps.code_hash(self.step))
            arguments.require_there(self._files(self.raw))
        except (ValueError, OSError) as refused:
            self._abandon(refused)
            raise
        return self

    def _tidy(self) -> None:
        """Remove what earlier runs left: temporary files, their log, the note of a failure."""
        log = self.args.log
        notes = [failure.note_of(log)] if log else []
        staging.remove_left_over([*self._all(self.outputs), self.record_path, *notes])
        if log:
            log.parent.mkdir(parents=True, exist_ok=True)
            log.write_text("")
            failure.note_of(log).unlink(missing_ok=True)

    def __exit__(self, kind: type[BaseException] | None, error: Any, trace: Any) -> None:
        if kind is not None:
            self._abandon(error)
            return
        try:
            self._finish()
        except BaseException as late:
            self._abandon(late)
            raise
        self.lease.release()

    def _abandon(self, error: BaseException) -> None:
        for temporary in self.known.staged.values():
            temporary.unlink(missing_ok=True)
        why = failure.known_reason(error, self.record_path.parent, self._place())
        if why:
            self.say(f"error: {why}")
        elif not isinstance(error, SystemExit):
            text = "".join(traceback.format_exception(error))
            self.say(failure.without_raw(text, self._all(self.raw)))
            why = f"unexpected {type(error).__name__}; its log has the details"
        # without the lease, the log and its note belong to somebody else
        if why and self.args.log and self.lease.held():
            failure.write_note(self.args.log, step=self.step, place=self._place(), why=why)
        error.add_note(SHOWN)
        self.lease.release()

    def _place(self) -> str:
        return failure.place_of(self.record_path)

    def _finish(self) -> None:
        content = self._record()
        content["seal"] = record.seal(content)
        self.record_path.parent.mkdir(parents=True, exist_ok=True)
        # written before anything gets its final name: a record that cannot be is an error
        temporary = self.record_path.with_name(f".{os.getpid()}.{self.record_path.name}.tmp")
        self.known.staged[self.record_path] = temporary
        atomic.write_json(temporary, content)
        for temporary in self.known.staged.values():
            staging.sync(temporary)
        if not self.lease.held():
            raise ValueError(
                "this process was suspended for so long that another took over; nothing was written"
            )
        for final, temporary in self.known.staged.items():
            temporary.replace(final)

    def load(self, path: Path, *, parts: bool = False) -> Volume:
        """Read an input volume and remember its digest; errors name the file."""
        try:
            volume = load(path, parts=parts)
        except ValueError as error:
            raise ValueError(f"{path.name}: {error}") from None
        self.known.digests[path] = digests.volume_digest(volume)
        return volume

    def read_record(self, path: Path) -> dict[str, Any]:
        """Return the record of an earlier step (an input file that ends in ``.json``)."""
        return json.loads(path.read_text(encoding="utf-8"))

    def stage(self, path: Path) -> Path:
        """Return a temporary name to write an output to, beside ``path``, with its suffixes."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self.known.staged[path] = staging.temporary(path)
        return self.known.staged[path]

    def save(self, path: Path, volume: Volume) -> None:
        """Stage an output volume, with digest, shape, spacing and range for the record."""
        stored = as_stored(volume)  # or the digest would not be the file's
        data = stored.data
        save(self.stage(path), stored)
        self.known.digests[path] = digests.volume_digest(stored)
        self.known.described[path] = {
            "shape": list(data.shape),
            "dtype": data.dtype.name,
            "spacing_mm": [round(s, 6) for s in volume.spacing_mm],
            "minimum": float(data.min()),
            "maximum": float(data.max()),
        }

    def check(
        self,
        name: str,
        value: float,
        *,
        at_least: float | None = None,
        at_most: float | None = None,
        unit: str = "",
        advice: str = "",
    ) -> bool:
        """Write a measured value, its limits and the verdict to the record; True if it passed.

        A failed check does not stop the step: ``quality`` holds the subject back until a person
        has decided. ``name`` is in lower case with hyphens, as it stands in the overrides table;
        ``advice`` says what to look at and what to do.
        """
        verdict = checks.verdict(name, value, at_least=at_least, at_most=at_most, unit=unit)
        return self._keep(verdict, advice)

    def not_checked(self, name: str, reason: str, *, holds: bool = False, advice: str = "") -> None:
        """Write to the record that a check was not made, and why; ``holds``: as if it failed."""
        self._keep(checks.not_made(name, reason, holds=holds), advice)

    def _keep(self, verdict: dict[str, Any], advice: str) -> bool:
        passed = verdict["verdict"] == "pass"
        self.checks.append(verdict if passed or not advice else verdict | {"advice": advice})
        if not passed:
            self.say(lines.as_line(verdict))
        return passed

    def fact(self, name: str, value: Any) -> None:
        """Write something that later steps or an auditor need to the record."""
        self.facts[name] = value

    def say(self, message: str) -> None:
        """Show a message on the terminal and repeat it in the log."""
        line = f"[{self._place()} {self.step}] {message}"
        print(line, file=sys.stderr, flush=True)
        if self.args.log:
            # on a full disk the log is the lesser loss
            with contextlib.suppress(OSError), self.args.log.open("a", encoding="utf-8") as log:
                log.write(line + "\n")

    def _files(self, names: tuple[str, ...]) -> dict[str, list[Path]]:
        flags = [name.rstrip("*") for name in names]
        values = [getattr(self.args, flag.replace("-", "_")) for flag in flags]
        paths = [value if isinstance(value, list) else [value] for value in values]
        return dict(zip(flags, paths, strict=True))

    def _record(self) -> dict[str, Any]:
        names = record.Names(*map(self._files, (self.inputs, self.outputs, self.raw)))
        folder = self.record_path.parent
        study = [*self._all(self.inputs), *self._all(self.outputs), self.record_path]
        study += [self.args.log] if self.args.log else []
        raw_flags = {f"--{name.rstrip('*')}" for name in self.raw}
        return {
            "step": self.step,
            "command": record.command(self.step, self.argv, study, raw_flags, folder),
            "settings": self.given,
            "code": steps.code_hash(self.step, self.network),
            **record.of_files(names, self.known, folder),
            "facts": self.facts,
            "checks": self.checks,
            "versions": software.versions(),
            "threads": self.args.threads,
            "seconds": round(time.monotonic() - self.started, 2),
        }

    def _all(self, names: tuple[str, ...]) -> list[Path]:
        return [p for paths in self._files(names).values() for p in paths]
