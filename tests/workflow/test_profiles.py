"""The profiles for clusters: what reaches the scheduler, by a stand-in of LSF that runs the jobs.

Slurm itself is in slurm_study.py, `make test-slurm`.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest
import yaml

from snakemake_project import STAND_IN, SUBJECT_JOBS, Project

PROFILES = Path(__file__).parents[2] / "workflow" / "profiles"
RULES = Path(__file__).parents[2] / "workflow" / "rules"
# Writes down what it was asked for, and runs the job at once; the first job of all it ends.
BSUB = """#!/bin/sh
cd "$(dirname "$0")"
number=$(($(wc -l < asked) + 1))
echo "$*" >> asked
while [ "$1" != sh ]; do shift; done
if [ $number -gt 1 ] && (cd .. && sh "$2" > "bin/job$number.log" 2>&1); then
  echo DONE > "state$number"
else
  echo EXIT > "state$number"
fi
echo "Job <$number> is submitted to default queue <normal>."
"""
BJOBS = """#!/bin/sh
cat "$(dirname "$0")/state$4"
"""


def profile(name: str) -> dict:
    return yaml.safe_load((PROFILES / name / "config.yaml").read_text())


def test_both_cluster_profiles_group_alike_and_name_every_rule_of_a_subject() -> None:
    slurm, generic = profile("slurm"), profile("generic")
    for key in ("groups", "group-components", "retries", "keep-incomplete", "cores"):
        assert slurm[key] == generic[key], key
    assert set(slurm["groups"]) == {*SUBJECT_JOBS, "ingest_mask", "align_mask"}
    # what fails here takes nothing along that a person must look at
    accept = {rule for rule, group in slurm["groups"].items() if group == "accept"}
    assert accept == {"timeline", "quality", "cache"}
    assert slurm["slurm-status-command"] == "squeue"  # sacct hangs on a cancelled job


def test_memory_and_time_of_every_rule_grow() -> None:
    text = "".join(path.read_text() for path in RULES.glob("*.smk"))
    rules = len(re.findall(r"^rule ", text, flags=re.M))
    for name, constant in (("mem_mb", 0), ("runtime", 1)):  # a training resumes
        found = re.findall(rf"^ +{name}=growing\(\d+\),$", text, flags=re.M)
        assert len(found) == rules - constant
    assert len(re.findall(r"^ +gpu=1,$", text, flags=re.M)) == 7


@pytest.fixture
def cluster(tmp_path: Path) -> Project:
    project = Project(tmp_path)
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, text in (("python", STAND_IN), ("bsub", BSUB), ("bjobs", BJOBS)):
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    (programs / "asked").write_text("")
    return project


def asked(project: Project) -> list[str]:
    return (project.folder / "bin" / "asked").read_text().splitlines()


@pytest.mark.long
def test_a_subject_is_one_job_that_gets_more_memory_after_a_failure(cluster: Project) -> None:
    root = "results/small"
    shown = cluster.snakemake(
        f"{root}/caches/P001.npy", f"{root}/subjects/P001/overview.png",
        "--profile", "workflow/profiles/generic", "--latency-wait", "5", "--cores", "4",
        "--max-status-checks-per-second", "10", "--seconds-between-status-checks", "1",
    )  # fmt: skip
    assert (cluster.folder / root / "caches/P001.npy").exists(), shown
    first, second, third = asked(cluster)  # the preparation twice, then the acceptance
    memory = [int(re.search(r"-M (\d+)MB", line)[1]) for line in (first, second, third)]
    minutes = [int(re.search(r"-W (\d+)", line)[1]) for line in (first, second, third)]
    assert memory[1] == 2 * memory[0] >= 2 * 5000 and memory[2] == 1500
    assert minutes[1] == 2 * minutes[0] > minutes[2]
    assert "-n 4 " in first and "-n 1 " in third and "-gpu" not in first + third
    log = (cluster.folder / "bin/job2.log").read_text()
    ran = Counter(re.findall(r"^(?:local)?rule (\w+):$", log, flags=re.M))
    assert ran == Counter({k: n for k, n in SUBJECT_JOBS.items() if k not in
                           ("timeline", "quality", "cache")})  # fmt: skip


@pytest.mark.parametrize(
    ("script", "program", "expected"),
    [
        ("lsf.sh", "bsub", "-n 4 -R span[hosts=1] rusage[mem=32000MB] -M 32000MB -W 2880 "
                           "-gpu num=1 -o logs/a.log sh job.sh"),
        ("sge.sh", "qsub", "-q gpu -terse -V -cwd -j y -o logs/a.log -pe smp 4 -l h_vmem=8000M "
                           "-l h_rt=172800 -l gpu=1 job.sh"),
    ],
)  # fmt: skip
def test_a_training_asks_for_its_gpu(
    script: str, program: str, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = tmp_path / program
    fake.write_text(f'#!/bin/sh\necho "$*" > {tmp_path}/asked\necho "Job <17> is submitted"\n')
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setenv("QSUB_OPTIONS", "-q gpu")
    command = [PROFILES / "generic" / script, "submit", "4", "32000", "2880", "1", "logs/a.log"]
    told = subprocess.run(
        [*command, "job.sh"], cwd=tmp_path, check=True, capture_output=True, text=True
    ).stdout
    assert (tmp_path / "asked").read_text().strip() == expected
    assert script != "lsf.sh" or told == "17\n"


@pytest.mark.parametrize(("script", "program"), [("lsf.sh", "bkill"), ("sge.sh", "qdel")])
def test_jobs_are_cancelled_as_the_plugin_asks_for_it(
    script: str, program: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It starts the one word of the profile with the ids behind it, and no shell."""
    fake = tmp_path / program
    fake.write_text(f'#!/bin/sh\necho "$*" > {tmp_path}/asked\n')
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    profile = yaml.safe_load((PROFILES / "generic/config.yaml").read_text())
    command = PROFILES.parents[1] / profile["cluster-generic-cancel-cmd"]
    subprocess.run([command.with_name(script), "17", "18"], cwd=tmp_path, check=True)
    assert (tmp_path / "asked").read_text() == "17 18\n"


def test_status_of_grid_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    def told(queued: int, account: str) -> str:
        for name, body in (("qstat", f"exit {queued}"), ("qacct", account)):
            (tmp_path / name).write_text(f"#!/bin/sh\n{body}\n")
            (tmp_path / name).chmod(0o755)
        command = [PROFILES / "generic/sge.sh", "status", "17"]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    ended = "printf 'failed       %s\\nexit_status  %s\\n'"
    assert told(0, "exit 1") == "running"
    assert told(1, "exit 1") == "running"  # not in the accounting yet
    assert told(1, f"{ended} 0 0") == "success"
    assert told(1, f"{ended} 0 137") == "failed"
    assert told(1, f"{ended} '100 : assumedly after job' 0") == "failed"
    assert shutil.which("qstat")
