"""confined: a child that crashes, hangs or eats memory ends with one clear line, and no more."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dicom_phantoms import write_series
from ricenet.step import sandbox

CONFINED = ("ingest_mri", "ingest_dose")
PROGRAM = """
import ctypes, os, signal, sys, time
from ricenet import step
from ricenet.step import program
from ricenet.image.volume import Volume
import numpy as np

def main():
    with step.Job("ingest_mri", None, raw=("raw",)) as job:
        job.save(job.args.out, Volume(np.ones((2, 2, 2), np.float32), np.eye(4)))
        half = ".v.json." + str(os.getpid()) + ".tmp"
        job.record_path.with_name(half).write_text("half a record")
        print("staged", flush=True)
        {body}

program.run(main, step="ingest_mri", argv=sys.argv[1:], memory_mb=400, seconds={seconds})
"""
BODIES = {
    "crash": ("ctypes.string_at(0)", "a library crashed (SIGSEGV) within 400 MB"),
    "abort": ("os.abort()", "a library crashed (SIGABRT)"),
    "clock": ("time.sleep(60)", "not done after 2 s, its limit"),
    "processor": ("while True: pass", "not done after 2 s, its limit"),
    "memory": ("x = bytearray(10**9)", "out of memory: the raw data claim more"),
    "recursion": ("f = lambda: f(); f()", "nested too deep"),
    "killed": (
        "os.kill(os.getpid(), signal.SIGKILL)",
        "killed from outside, probably for lack of memory",
    ),
}


def start(folder: Path, body: str, seconds: int = 2) -> subprocess.Popen:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "CANARY").write_bytes(b"raw")
    program = folder / "ingest_mri.py"
    program.write_text(PROGRAM.format(body=body, seconds=seconds))
    flags = {"raw": "CANARY", "out": "s1/v.nii.gz", "record": "s1/v.json", "log": "log.txt"}
    words = [word for name, file in flags.items() for word in (f"--{name}", str(folder / file))]
    return subprocess.Popen(
        [sys.executable, str(program), *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def left(folder: Path) -> set[str]:
    return {p.name for p in folder.rglob("*")} - {"CANARY", "ingest_mri.py", "s1"}


@pytest.mark.parametrize("name", BODIES)
def test_a_dead_child_becomes_one_clear_line(name: str, tmp_path: Path) -> None:
    body, message = BODIES[name]
    started = time.monotonic()
    running = start(tmp_path, body)
    shown = running.communicate(timeout=60)[1]
    assert running.returncode == 1 and time.monotonic() - started < 30
    line = shown.strip().splitlines()[-1]
    assert line.startswith(f"[s1/v ingest_mri] error: {message}"), shown
    assert "Traceback" not in shown and "CANARY" not in shown
    assert line in (tmp_path / "log.txt").read_text()
    note = json.loads((tmp_path / "log.failed.json").read_text())
    assert note["step"] == "ingest_mri" and note["place"] == "s1/v"
    assert note["why"].startswith(message)
    # the half-written text of the record is the parent's to remove
    assert left(tmp_path) == {"log.txt", "log.failed.json"}


def test_an_ordinary_end_is_passed_on(tmp_path: Path) -> None:
    sound = start(tmp_path / "a", "pass", seconds=30)
    assert sound.communicate(timeout=60)[1] == "" and sound.returncode == 0
    assert {"v.nii.gz", "v.json"} <= left(tmp_path / "a")
    refused = start(tmp_path / "b", 'raise ValueError("the reason")')
    assert "error: the reason" in refused.communicate(timeout=60)[1] and refused.returncode == 1
    other = start(tmp_path / "c", "sys.exit(7)")
    assert other.communicate(timeout=60) and other.returncode == 7


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_the_parent_reaches_the_child(number: int, tmp_path: Path) -> None:
    running = start(tmp_path, "time.sleep(60)", seconds=50)
    assert running.stdout.readline() == "staged\n"
    running.send_signal(number)
    shown = running.communicate(timeout=20)[1]
    assert running.returncode == -number
    assert f"stopped by {signal.Signals(number).name}" in shown
    assert left(tmp_path) <= {"log.txt", "log.failed.json"}
    with pytest.raises(ProcessLookupError):
        for _ in range(100):  # the heart of the lease ends when it sees that the step has
            os.killpg(running.pid, 0)
            time.sleep(0.05)


def test_a_killed_parent_takes_the_child_along(tmp_path: Path) -> None:
    running = start(tmp_path, "time.sleep(60)", seconds=50)
    assert running.stdout.readline() == "staged\n"
    running.kill()
    running.communicate(timeout=20)
    for _ in range(100):
        try:
            os.killpg(running.pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.05)
    pytest.fail("the child lives on")


def test_limits_are_those_of_the_child_alone(tmp_path: Path) -> None:
    import resource

    def look() -> None:
        core, processor, size = (
            resource.getrlimit(k)[0]
            for k in (resource.RLIMIT_CORE, resource.RLIMIT_CPU, resource.RLIMIT_AS)
        )
        (tmp_path / "limits").write_text(f"{core} {processor} {size}")

    before, cores = (resource.getrlimit(k) for k in (resource.RLIMIT_AS, resource.RLIMIT_CORE))
    resource.setrlimit(resource.RLIMIT_CORE, (cores[1], cores[1]))
    end = sandbox.run(look, sandbox.Limits(300, 7))
    resource.setrlimit(resource.RLIMIT_CORE, cores)
    core, processor, size = map(int, (tmp_path / "limits").read_text().split())
    assert end.status == 0 and sandbox.why(end, sandbox.Limits(300, 7)) == ""
    assert (core, processor) == (0, 7) and 300 * 2**20 < size < 100 * 2**30
    assert resource.getrlimit(resource.RLIMIT_AS) == before


@pytest.mark.parametrize("step", CONFINED)
def test_ingest_runs_confined(step: str, tmp_path: Path) -> None:
    """The programs that read raw data ask for limits, and read sound data within them."""
    raw = write_series(tmp_path / "raw")
    options = ["--out", str(tmp_path / "o.nii.gz"), "--record", str(tmp_path / "r.json")]
    row = ["--row", "{}"] if step == "ingest_dose" else []
    program = (
        "import runpy, sys, os; from ricenet.step import sandbox; run = sandbox.run\n"
        "def spy(work, limits):\n"
        "    print('limits', limits.memory_mb, limits.seconds, flush=True)\n"
        "    return run(work, limits)\n"
        "sandbox.run = spy\n"
        f"sys.argv = ['x', {step!r}, '--raw', {str(raw)!r}, *{options + row!r}, '--settings', "
        "'{\"min_slices\":3}']\n"
        "runpy.run_module('ricenet', run_name='__main__')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.stdout == "limits 4000 600\n"
    assert done.returncode == (0 if step == "ingest_mri" else 1), done.stderr
    assert "Traceback" not in done.stderr
