"""Every step, killed while it writes: no half result, no left-overs, the same result afterwards.

The commands are those of the real Snakefile for a study of one phantom on a grid of 4 mm, whose
results stand for the other subjects too. The steps run for real, but HD-BET's network: its answer
is the phantom's known brain. Each runs in a fork of a process that has imported everything.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import yaml

from killed_steps import run_step
from plans import write_plan
from ricenet.provenance.digests import bytes_digest, file_digest
from ricenet.provenance.steps import STEPS

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[2]
ONE, OTHERS = "P005", ("P001", "P002", "P003", "P004")
SUBJECT_STEPS = (
    "ingest_mri", "ingest_dose", "timeline", "resample", "brain_mask", "register", "align",
    "zscore", "total_dose", "crop", "quality", "cache", "overview",
)  # fmt: skip
FORKS = multiprocessing.get_context("forkserver")
SETTINGS = {
    "channels": [{"name": "event", "kind": "mri"}, {"name": "dose", "kind": "dose"}],
    "dose_anchor": "event",
    "resample": {"spacing_mm": 4.0},
    "crop": {"shape": [48, 56, 48]},
    "register": {"iterations": [50, 20, 10, 0], "sampling_rate": 0.2},
    "train_model": {"epochs": 1, "model": {"stem_stride": 2, "width": 0.125}},
    "evaluate": {"bootstrap_samples": 20},
    "occlusion_map": {"cube_mm": 60.0, "stride_mm": 60.0, "ablations": ["event-dose"]},
}


class Small:
    """The commands of a small study, and the means to run them."""

    def __init__(self, folder: Path, phantom: Path) -> None:
        self.root, self.truth = folder / "results" / "kill", str(phantom / "truth")
        self.shown: dict[str, str] = {}
        raw = phantom / "dicom"
        row = "\t".join(f"{raw / name}" for name in ("event", "rt", "ct"))
        subjects, cohort = ["subject\tlabel\tevent\tdose\tct"], ["subject\tsplit\tfold"]
        for place, name in enumerate((*OTHERS, ONE)):
            mine = row if name == ONE else f"raw/{name}/event\traw/{name}/rt\traw/{name}/ct"
            subjects.append(f"{name}\t{('recurrence', 'RICE')[place % 2]}\t{mine}")
            cohort.append(f"{name}\t" + ("test\t" if name == ONE else f"train\t{place // 2}"))
        (folder / "subjects.tsv").write_text("\n".join(subjects) + "\n")
        (folder / "c1.tsv").write_text("\n".join(cohort) + "\n")
        (folder / "overrides.tsv").write_text("subject\tcheck\tdecision\twho\twhy\n")
        tables = {k: str(folder / f"{k}.tsv") for k in ("subjects", "overrides")}
        values = {"study": "kill", "results": str(folder / "results"), **tables, **SETTINGS}
        config = folder / "kill.yaml"
        own = {"cohort": str(folder / "c1.tsv")}
        own["analysis_plan"] = write_plan(folder / "plan.yaml", ["event-dose"])
        config.write_text(yaml.safe_dump(values | own))
        self.commands = listed(config)
        self.steps = {step for step, _ in self.commands}
        FORKS.set_forkserver_preload([STEPS[step].module for step in sorted(self.steps)])

    def start(self, step: str, argv: list[str]) -> multiprocessing.process.BaseProcess:
        process = FORKS.Process(target=run_step, args=(step, argv, self.truth))
        process.start()
        return process

    def run(self, step: str, argv: list[str]) -> dict[str, str]:
        """Run a step whole; digests of its outputs."""
        process = self.start(step, argv)
        process.join()
        assert process.exitcode == 0, f"{step} {argv}"
        record = value(argv, "--record")
        outputs = json.loads(record.read_text())["outputs"].values()
        paths = [record.parent / entry["path"] for entries in outputs for entry in entries]
        assert not left_over(record.parent)
        return {str(path): file_digest(path) for path in paths}

    def kill_while_writing(self, step: str, argv: list[str]) -> bool:
        """Start a step and kill it at the first temporary file; whether it was caught so."""
        folder = value(argv, "--record").parent
        folder.mkdir(parents=True, exist_ok=True)
        before = set(names(folder))
        process = self.start(step, argv)
        while process.is_alive():
            if any(re.match(r"\.\d+\.", name) for name in names(folder)):
                process.kill()
                break
            time.sleep(0.0005)
        process.join()
        self.shown = {name: bytes_digest(folder / name) for name in set(names(folder)) - before}
        return process.exitcode == -9 and bool(left_over(folder))


def listed(config: Path) -> list[tuple[str, list[str]]]:
    """Steps and arguments, in the order of a dry run."""
    result = subprocess.run(
        [sys.executable, "-m", "snakemake", "--dry-run", "--printshellcmds", "--nocolor",
         "--nolock", "--cores", "1", "--configfile", "config/demo/config.yaml", str(config)],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    found = re.findall(r"python -m ricenet (\w+) (.*)", result.stdout + result.stderr)
    return [(step, shlex.split(rest)) for step, rest in found]


def value(argv: list[str], flag: str) -> Path:
    return Path(argv[argv.index(flag) + 1])


def names(folder: Path) -> list[str]:
    return [entry.name for entry in os.scandir(folder)]


def left_over(folder: Path) -> list[str]:
    """Temporary files and leases."""
    return [n for n in names(folder) if re.match(r"\.\d+\.|\.\.\d+\.|\..*\.lease$", n)]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory, phantom: Path) -> Iterator[Small]:
    folder = tmp_path_factory.mktemp("kill")
    yield Small(folder, phantom)
    shutil.rmtree(folder, ignore_errors=True)


def accept_everything(argv: list[str]) -> list[str]:
    """Let the gate pass: a coarse grid and few iterations fail checks that are not the point."""
    end = argv.index("--accepted")
    paths = [Path(name) for name in argv[argv.index("--records") + 1 : end]]
    failed = [
        f"{path.stem}/{check['check']}"
        for path in paths
        for check in json.loads(path.read_text())["checks"]
        if check["verdict"] == "fail"
    ]
    accepted = {name: {"who": "Test", "why": "coarse"} for name in failed}
    return [*argv[: end + 1], json.dumps(accepted), *argv[end + 2 :]]


def share(root: Path) -> None:
    """Give the results of the one subject to the others; a voxel tells the caches apart."""
    for number, name in enumerate(OTHERS):
        shutil.copytree(root / "subjects" / ONE, root / "subjects" / name, dirs_exist_ok=True)
        array = np.load(root / f"caches/{ONE}.npy", allow_pickle=False)
        array[0, 24, 28, 24] = number
        np.save(root / f"caches/{name}.npy", array)
        record = json.loads((root / f"caches/{ONE}.json").read_text())
        record["outputs"]["out"][0]["digest"] = bytes_digest(root / f"caches/{name}.npy")
        (root / f"caches/{name}.json").write_text(json.dumps(record))


def in_turn(small: Small) -> Iterator[tuple[str, list[str]]]:
    """Commands of the one subject, the audit of that, and then those of the cohort."""
    ours = [(s, a) for s, a in small.commands if s in SUBJECT_STEPS and ONE in " ".join(a)]
    for step, argv in ours:
        yield step, accept_everything(argv) if step == "quality" else argv
    cohort = [(s, a) for s, a in small.commands if s not in SUBJECT_STEPS]
    yield from (command for command in cohort if command[0] == "audit")
    share(small.root)
    yield from (command for command in cohort if command[0] != "audit")


def test_every_step_killed_while_it_writes_ends_alike(small: Small) -> None:
    tried: set[str] = set()
    caught: set[str] = set()
    for step, argv in in_turn(small):
        if step in tried:
            small.run(step, argv)
            continue
        tried.add(step)
        if any(small.kill_while_writing(step, argv) for _ in range(5)):
            caught.add(step)
        at_death, after_kill = small.shown, small.run(step, argv)
        for path in after_kill:
            name = Path(path).name
            assert at_death.get(name) in (None, bytes_digest(path)), f"{step} left half of {name}"
            Path(path).unlink()
        value(argv, "--record").unlink()
        assert small.run(step, argv) == after_kill, step
    assert tried == small.steps and tried > {*SUBJECT_STEPS, "train_model", "report"}
    assert len(caught) >= len(tried) - 3, tried - caught
