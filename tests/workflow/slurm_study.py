"""A small study through a real Slurm: `make test-slurm`, not part of `make test`.

Four phantoms with two MRI channels go through sbatch with the profile as it is shipped; only the
waiting times are shorter. On the way the scheduler cancels a training in the middle, sends another
back into the queue as pre-emption does, and ends the evaluation, whose first attempt asks for too
little, because of its memory.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest
import yaml

from ricenet.phantom.study import make_study

ROOT = Path(__file__).parents[2]
NODE = Path(__file__).with_name("slurm_node.sh")
SKIP = os.environ.get("SKIP_SLURM", "")
pytestmark = [
    pytest.mark.skipif(bool(SKIP), reason=f"SKIP_SLURM says: {SKIP}"),
    pytest.mark.timeout(1500),
]
SUBJECTS = ("P001", "P002", "P003", "P004")
CANCELLED = "cohorts/c1/postop-event/fold-0"
PREEMPTED = "cohorts/c1/event/fold-1"
EPOCHS = 16
FAST = [
    "--slurm-init-seconds-before-status-checks", "2", "--seconds-between-status-checks", "2",
    "--latency-wait", "10", "--cores", "1",
    "--set-threads", "train_model=1",
]  # fmt: skip
# less than Snakemake itself takes: a job that is over for a second only may not be looked at
LITTLE = ["--set-resources", "evaluate:mem_mb=100+2000*(attempt-1)"]


def install() -> None:
    """Install Slurm from the Debian packages where it is missing."""
    if shutil.which("slurmctld") and shutil.which("munged"):
        return
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        pytest.fail(
            "make test-slurm needs Slurm: install the packages slurm-wlm and munge, or run it as "
            "root on Debian; SKIP_SLURM='the reason' skips it"
        )
    quiet = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for command in ("update", "install --yes --no-install-recommends slurm-wlm munge"):
        subprocess.run(["apt-get", "--quiet", *command.split()], env=quiet, check=True)


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    install()
    if os.geteuid() != 0:
        pytest.fail("make test-slurm starts its own Slurm and needs root for that; or SKIP_SLURM")
    folder = tmp_path_factory.mktemp("slurm")
    for parent in folder.parents:  # munge has a user of its own
        if str(parent).startswith("/tmp/"):
            parent.chmod(parent.stat().st_mode | 0o011)
    try:
        subprocess.run([NODE, "up", folder], check=True)
        yield folder
    finally:
        subprocess.run([NODE, "down", folder], check=True)


class Study:
    """A small study, and its run on the cluster."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.raw = folder, folder / "raw"
        make_study(self.raw, subjects=4, seed=3, canvas_mm=2.0, scale=1.0, nifti=False, processes=2)
        self.root = folder / "results" / "slurm"
        self.config = folder / "slurm.yaml"
        rows = [f"{name}\ttrain\t{place // 2}" for place, name in enumerate(SUBJECTS)]
        (folder / "c1.tsv").write_text("\n".join(["subject\tsplit\tfold", *rows]) + "\n")
        (folder / "overrides.tsv").write_text("subject\tcheck\tdecision\twho\twhy\n")
        self._write_subjects()
        values = {
            "study": "slurm",
            "results": str(folder / "results"),
            "subjects": str(folder / "subjects.tsv"),
            "cohort": str(folder / "c1.tsv"),
            "overrides": str(folder / "overrides.tsv"),
            "analysis_plan": None,  # nobody to test on
            "channels": [{"name": "postop", "kind": "mri"}, {"name": "event", "kind": "mri"}],
            "train_model": {
                "epochs": EPOCHS,
                "checkpoint_epochs": 1,
                "model": {"stem_stride": 2, "width": 0.125},
            },
            "occlusion_map": {"ablations": []},
        }
        self.config.write_text(yaml.safe_dump(values))
        self.output = ""

    def _write_subjects(self) -> None:
        """Two channels, and labels of which each fold has both."""
        lines = ["subject\tlabel\tpostop\tevent"]
        for place, name in enumerate(SUBJECTS):
            label = ("recurrence", "RICE")[place % 2]
            images = [str(self.raw / name / "dicom" / channel) for channel in ("postop", "event")]
            lines.append("\t".join([name, label, *images]))
        (self.folder / "subjects.tsv").write_text("\n".join(lines) + "\n")

    def command(self, *arguments: str) -> list[str]:
        return [
            sys.executable, "-m", "snakemake", "--profile", "workflow/profiles/slurm", *FAST,
            *LITTLE, "--slurm-logdir", str(self.folder / "slurm-logs"), *arguments,
            "--configfile", "config/demo/config.yaml", str(self.config),
        ]  # fmt: skip

    def run(self) -> None:
        """Run everything; end two trainings as soon as they have a resume point."""
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        shown = self.folder / "snakemake.log"
        with shown.open("w") as log:
            running = subprocess.Popen(
                self.command("--nolock"),
                cwd=ROOT,
                env=os.environ | {"PATH": path},
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        try:
            ends = [
                Thread(target=end_training, args=(self.root / folder, running, command))
                for folder, command in (
                    (CANCELLED, ["scancel"]),
                    (PREEMPTED, ["scontrol", "requeue"]),
                )
            ]
            for end in ends:
                end.start()
            running.wait()
            for end in ends:
                end.join()
        finally:
            running.kill()
        self.output = shown.read_text()
        assert running.returncode == 0, self.output[-6000:]


def end_training(folder: Path, running: subprocess.Popen, command: list[str]) -> None:
    """Let the scheduler end the job that trains into a folder, once it can resume."""
    while running.poll() is None:
        lease = folder / ".model.json.lease"
        if list(folder.glob("resume-*.safetensors")) and lease.exists():
            number = re.search(r'"job": "(\d+)"', lease.read_text())
            assert number, "the lease does not name the job of the scheduler"
            time.sleep(1)
            subprocess.run([*command, number[1]], check=True)
            return
        time.sleep(0.2)


@pytest.fixture(scope="module")
def study(node: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Study]:
    finished = Study(tmp_path_factory.mktemp("study"))
    finished.run()
    yield finished
    shutil.rmtree(finished.folder, ignore_errors=True)


def jobs() -> list[dict[str, str]]:
    """All jobs that Slurm remembers."""
    text = subprocess.run(
        ["scontrol", "--oneliner", "show", "job"], check=True, capture_output=True, text=True
    ).stdout
    return [dict(re.findall(r"(\w+)=(\S*)", line)) for line in text.splitlines()]


def test_the_study_is_finished_and_nothing_is_left_to_do(study: Study) -> None:
    page = (study.root / "cohorts/c1/report/index.html").read_text()
    assert page.count("data:image/png;base64,") >= len(SUBJECTS)
    again = subprocess.run(
        study.command("--nolock", "--dry-run"), cwd=ROOT, capture_output=True, text=True
    )
    assert "Nothing to be done" in again.stdout + again.stderr
    assert not list(study.root.rglob("*.lease")) and not list(study.root.rglob(".[0-9]*"))


def test_a_subject_is_prepared_in_one_job_and_accepted_in_another(study: Study) -> None:
    comments = [job.get("Comment", "") for job in jobs()]
    assert sum("prepare" in text for text in comments) == len(SUBJECTS), comments
    assert sum("accept" in text for text in comments) == len(SUBJECTS), comments


def test_the_gpu_reaches_the_scheduler(study: Study) -> None:
    training = [job for job in jobs() if "train_model" in job.get("Comment", "")]
    assert len(training) == 3 * 2 + 1  # one of them twice
    assert {job["TresPerJob"] for job in training} == {"gres:gpu:1"}


@pytest.mark.parametrize("ended", [CANCELLED, PREEMPTED])
def test_a_training_that_was_ended_resumes_to_the_same_weights(study: Study, ended: str) -> None:
    ablation, fold = Path(ended).parts[-2:]
    log = study.root / f"logs/c1/{ablation}_{fold}_train_model.log"
    resumed = re.search(r"resumed after epoch (\d+)", log.read_text())
    assert resumed and 0 < int(resumed[1]) < EPOCHS, log.read_text()
    undisturbed = train_undisturbed(study, ended)
    for name in ("model.safetensors", "predictions.tsv", "history.tsv"):
        assert (undisturbed / name).read_bytes() == (study.root / ended / name).read_bytes(), name


def test_a_cancelled_job_is_sent_again_and_a_preempted_one_goes_on(study: Study) -> None:
    assert [job["JobState"] for job in jobs()].count("CANCELLED") == 1
    assert sorted(job["Restarts"] for job in jobs())[-2:] == ["0", "1"]


def train_undisturbed(study: Study, ended: str) -> Path:
    """Run the same command in one go, into another folder."""
    listed = subprocess.run(
        study.command(
            "--nolock", "--dry-run", "--printshellcmds", "--force",
            str(study.root / ended / "model.safetensors"),
        ),
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    found = re.search(r"python -m ricenet train_model .*", listed.stdout + listed.stderr)
    assert found
    words = shlex.split(found[0])
    folder = study.root / ended.replace("c1", "again")
    words = [word.replace(str(study.root / ended), str(folder)) for word in words]
    words[words.index("--log") + 1] = str(study.folder / "again.log")
    src = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    subprocess.run([sys.executable, *words[1:]], check=True, cwd=ROOT, env=src)
    return folder


def test_a_job_out_of_memory_gets_more_at_its_next_attempt(study: Study) -> None:
    tried = [job for job in jobs() if "evaluate" in job.get("Comment", "")]
    assert [job["JobState"] == "COMPLETED" for job in tried] == [False, True], tried
    assert [job["MinMemoryNode"] for job in tried] == ["100M", "2100M"]
