"""Faults of the machine, seen from Snakemake: two runs at once, its own death, orphaned jobs.

The real Snakefile; the steps are stand-ins, but for one, `manifest`, which is slow here and writes
as every step does.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ricenet.provenance.digests import bytes_digest
from snakemake_project import STAND_IN, Project

ROOT = Path(__file__).parents[2]
MANIFEST = "results/small/cohorts/small/manifest.tsv"
# writes half of its output, waits for a file named `go`, writes the rest
SLOW = """
import sys, time
from pathlib import Path
from ricenet import step
from ricenet.step import program

def main():
    with step.Job("manifest", None, inputs=("caches*",), values=("rows",)) as job:
        with job.stage(job.args.out).open("w") as file:
            file.write("first half\\n")
            file.flush()
            while not Path("go").exists():
                time.sleep(0.02)
            file.write("second half\\n")

program.run(main, step="manifest", argv=sys.argv[1:])
"""
# a cluster whose jobs outlive whoever has sent them
BSUB = """#!/bin/sh
cd "$(dirname "$0")/.."
number=$(($(cat bin/number) + 1))
echo $number > bin/number
while [ "$1" != sh ]; do shift; done
export LSB_JOBID=$number
setsid sh -c 'if sh "$0" > bin/job$LSB_JOBID.log 2>&1; then state=DONE; else state=EXIT; fi
echo $state > bin/state$LSB_JOBID' "$2" > /dev/null 2>&1 &
echo "Job <$number> is submitted to default queue <normal>."
"""
BJOBS = """#!/bin/sh
cat "$(dirname "$0")/state$4"
"""
CLUSTER = (
    "--profile", "workflow/profiles/generic", "--latency-wait", "5", "--retries", "0",
    "--max-status-checks-per-second", "10", "--seconds-between-status-checks", "1",
)  # fmt: skip


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A study whose subjects are finished, and whose manifest is not."""
    made = Project(tmp_path)
    programs = tmp_path / "bin"
    programs.mkdir()
    slow = programs / "slow.py"
    slow.write_text(SLOW)
    real = (
        f'case "$*" in *"ricenet manifest"*) shift 3; exec {sys.executable} {slow} "$@" ;; esac\n'
    )
    texts = {"python": STAND_IN.replace("flag= ", f"{real}flag= ", 1), "bsub": BSUB,
             "bjobs": BJOBS, "number": "0"}  # fmt: skip
    for name, text in texts.items():
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    for name in ("P001", "P002", "P003", "P004"):
        for path in (f"caches/{name}.npy", f"caches/{name}.json"):
            (tmp_path / "results/small" / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "results/small" / path).write_text(name)
    return made


def start(project: Project, *arguments: str) -> subprocess.Popen:
    """Start Snakemake on the manifest alone, and do not wait for it."""
    command = [
        sys.executable, "-m", "snakemake", MANIFEST, "--allowed-rules", "manifest",
        "--cores", "1", "--nocolor", *arguments, "--configfile", str(project.config),
    ]  # fmt: skip
    path = f"{project.folder / 'bin'}:{os.environ['PATH']}"
    return subprocess.Popen(
        command,
        cwd=project.folder,
        env=os.environ | {"PATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def wait_for(what: Callable[[], object], running: subprocess.Popen | None = None) -> None:
    give_up = time.monotonic() + 120
    while not what():
        if time.monotonic() > give_up or (running and running.poll() is not None):
            raise AssertionError(running.communicate()[0] if running else "never happened")
        time.sleep(0.05)


def half_written(project: Project) -> list[Path]:
    """Temporary files of the manifest with its first half."""
    folder = (project.folder / MANIFEST).parent
    found = [p for p in folder.glob(".*.manifest.tsv") if re.match(r"\.\d+\.", p.name)]
    return [p for p in found if p.read_text() == "first half\n"]


def finish(project: Project, *arguments: str) -> str:
    (project.folder / "go").touch()
    running = start(project, *arguments)
    text = running.communicate(timeout=120)[0]
    assert running.returncode == 0, text
    return text


def digest_of_whole(project: Project) -> None:
    """The manifest is what an undisturbed run writes, and nothing lies beside it."""
    path = project.folder / MANIFEST
    undisturbed = project.folder / "undisturbed"
    undisturbed.write_text("first half\nsecond half\n")
    assert bytes_digest(path) == bytes_digest(undisturbed)
    assert {p.name for p in path.parent.iterdir()} == {"manifest.tsv", "manifest.json"}


def test_a_second_run_of_the_study_is_refused_in_clear_words(project: Project) -> None:
    first = start(project)
    wait_for(lambda: half_written(project), first)
    second = start(project)
    text = second.communicate(timeout=120)[0]
    assert second.returncode == 1
    assert "Directory cannot be locked" in text and "--unlock" in text
    (project.folder / "go").touch()
    assert first.communicate(timeout=120) and first.returncode == 0
    digest_of_whole(project)


def test_everything_killed_at_once_ends_as_if_nothing_had_been(project: Project) -> None:
    running = start(project)
    wait_for(lambda: half_written(project), running)
    os.killpg(running.pid, signal.SIGKILL)
    running.communicate()
    assert half_written(project) and not (project.folder / MANIFEST).exists()
    locked = start(project)
    assert "cannot be locked" in locked.communicate(timeout=120)[0]
    unlock = start(project, "--unlock")
    assert unlock.communicate(timeout=120) and unlock.returncode == 0
    finish(project, "--rerun-incomplete")
    digest_of_whole(project)


@pytest.mark.long
def test_an_orphaned_job_keeps_its_output_to_itself(project: Project) -> None:
    running = start(project, *CLUSTER)
    wait_for(lambda: half_written(project), running)
    running.kill()  # Snakemake alone: its job goes on
    running.communicate()
    assert half_written(project)
    start(project, "--unlock").communicate(timeout=120)
    again = start(project, *CLUSTER)
    text = again.communicate(timeout=120)[0]
    assert again.returncode == 1, text
    refused = (project.folder / "bin/job2.log").read_text()
    assert "job 1 on host" in refused and "cancel it, then start again" in refused
    assert len(half_written(project)) == 1 and not (project.folder / MANIFEST).exists()
    (project.folder / "go").touch()
    wait_for((project.folder / "bin/state1").exists)
    digest_of_whole(project)
    finish(project, *CLUSTER)
    digest_of_whole(project)
