"""One writer at a time: a file beside the outputs of a step that names who is writing them.

Snakemake's own lock ends with Snakemake; a job that it has sent to a cluster continues. The lease
is the job's: a host, a process, a job id and a counter that increases while the process lives.
A process that finds one checks whether it is still valid. Clocks of two hosts are never compared.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import Any

BEAT_S = 10.0
STALE_S = 60.0  # several beats, and the minute that a network file system may show old content
LOOK_S = 1.0
JOB_ID_VARIABLES = ("SLURM_JOB_ID", "PBS_JOBID", "LSB_JOBID", "JOB_ID")
# In a program of its own: a thread would be blocked while ANTs or ITK hold the interpreter. Its
# input is a pipe whose other end dies with the step, whatever kills it.
HEART = """
import os, select, sys
path, text, beat_s = sys.argv[1], sys.argv[2], float(sys.argv[3])
beats = 0
while not select.select([0], [], [], beat_s)[0]:
    beats += 1
    try:
        with open(path, "r+") as file:
            if not file.read().startswith(text):
                break
            file.seek(0)
            file.write(f"{text}\\n{beats}\\n")
    except OSError:
        continue
"""


class Lease:
    """The right to write the outputs that belong to one record.

    Parameters
    ----------
    path : path
        Lease file, beside the record.

    Attributes
    ----------
    text : str
        First line of the file: who holds it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.text = json.dumps(_owner(), sort_keys=True)
        self._heart: subprocess.Popen | None = None

    def acquire(self) -> None:
        """Acquire the lease; one whose owner has died is taken over.

        Raises
        ------
        ValueError
            Another process that lives writes these outputs.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        while not self._create():
            content = _read(self.path)
            if _is_alive(content) or (not _is_dead(content) and _beats(self.path, content)):
                raise ValueError(_refusal(_read(self.path) or content))
            if _read(self.path) == content:  # of two that find it dead, one creates the next
                self.path.unlink(missing_ok=True)
        command = [sys.executable, "-I", "-S", "-c", HEART]
        self._heart = subprocess.Popen(
            [*command, str(self.path), self.text, str(BEAT_S)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def _create(self) -> bool:
        """Write the file if there is none; return whether it was written."""
        try:
            with self.path.open("x", encoding="utf-8") as file:
                file.write(f"{self.text}\n0\n")
        except FileExistsError:
            return False
        except OSError:
            self.path.unlink(missing_ok=True)
            raise
        return True

    def held(self) -> bool:
        """Return whether the lease is still ours.

        No other process took it over while this one was suspended.
        """
        return _read(self.path).partition("\n")[0] == self.text

    def release(self) -> None:
        """Release the lease, if it is still ours."""
        if self._heart and self._heart.stdin:
            self._heart.stdin.close()
            self._heart.wait()
        if self.held():
            self.path.unlink(missing_ok=True)


def path_of(record: Path) -> Path:
    """Return the lease file of the outputs that belong to a record."""
    return record.with_name(f".{record.name}.lease")


def remove_dead(record: Path, pid: int) -> None:
    """Remove the lease of a child process that has died."""
    path = path_of(record)
    content = _read(path)
    if content and _parsed(content).get("pid") == pid and _is_dead(content):
        path.unlink(missing_ok=True)


def _owner() -> dict[str, str | int]:
    ids = [os.environ[name] for name in JOB_ID_VARIABLES if os.environ.get(name)]
    return {
        "host": socket.gethostname(),
        "processes": _processes(),
        "pid": os.getpid(),
        "started": _started(os.getpid()),
        "job": ids[0] if ids else "",
        "token": uuid.uuid4().hex,
    }


def _processes() -> str:
    """Return the boot and process namespace.

    Within the same, process numbers mean the same processes.
    """
    boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="utf-8").strip()
    return f"{boot} {Path('/proc/self/ns/pid').readlink()}"


def _started(pid: int) -> str:
    """Return the start of a process in ticks, which shows whether a process id was reused.

    Empty if none.
    """
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:
        return ""
    state, *rest = text.rpartition(")")[2].split()
    return "" if state in "ZX" else rest[18]


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""


def _parsed(content: str) -> dict[str, Any]:
    try:
        owner = json.loads(content.partition("\n")[0])
    except json.JSONDecodeError:  # empty: being created at this moment, or its host died then
        return {}
    return owner if isinstance(owner, dict) else {}


def _is_alive(content: str) -> bool:
    """Return whether the owner is a process that runs and that this one can see."""
    owner = _parsed(content)
    seen = bool(owner) and owner["processes"] == _processes()
    return seen and _started(owner["pid"]) == owner["started"]


def _is_dead(content: str) -> bool:
    """Return whether the owner would be seen if it ran."""
    owner = _parsed(content)
    return bool(owner) and owner["processes"] == _processes() and not _is_alive(content)


def _beats(path: Path, content: str) -> bool:
    """Watch a lease for up to ``STALE_S``; return whether its owner is alive."""
    give_up = time.monotonic() + STALE_S
    while time.monotonic() < give_up:
        time.sleep(LOOK_S)
        now = _read(path)
        if now != content:
            return bool(now)  # empty: given back, and free to take
    return False


def _refusal(content: str) -> str:
    owner = _parsed(content)
    job = f"job {owner['job']}" if owner.get("job") else f"process {owner.get('pid')}"
    return (
        f"{job} on host {owner.get('host')} is writing this result already, perhaps left over from "
        f"a Snakemake that has ended; wait for it or cancel it, then start again"
    )
