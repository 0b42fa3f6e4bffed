"""The real workflow, run by Snakemake, with a stand-in of the program that its rules call."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import yaml

from plans import write_plan

ROOT = Path(__file__).parents[2]


# a record differs from run to run (it holds times), the files themselves do not
STAND_IN = """#!/bin/sh
flag= ledger=
case "$*" in
  *BROKEN*)
    for word in "$@"; do
      case "$flag" in --log)
        echo '{"step": "ingest_mri", "place": "x/y", "why": "two slices; give the series"}' \
          > "${word%.log}.failed.json" ;;
      esac
      flag="$word"
    done
    exit 1 ;;
esac
for word in "$@"; do
  case "$word" in
    --*) flag="$word" ;;
    *) case "$flag" in
        --ledger) ledger="$word" ;;
        --record) date +%s%N > "$word"; [ -z "$ledger" ] || echo done > "${word%/*}/$ledger" ;;
        --out|--history|--predictions|--summary|--contrasts|--calibration|--curve|\
        --thresholds|--decision|--conformal|--selective|--probes|--added-value|--subgroups|--failures|--missingness|--label-provenance|--sheets|--methods|--card|--cropped|--cropped-mask|--channel-maps)
          echo done > "$word" ;;
      esac ;;
  esac
done
exit 0
"""


FOLDS = {"P001": "0", "P002": "1", "P003": "0", "P004": "1"}


def make_raw(folder: Path) -> None:
    """Raw data that only has to exist: the rules look at names and bytes."""
    for name in ("postop", "event", "ct", "rt"):
        (folder / name).mkdir(parents=True)
        for k in range(2):
            (folder / name / f"{k}.dcm").write_bytes(f"{folder.name} {name} {k}".encode())


def job_counts(text: str) -> Counter[str]:
    """Jobs by rule in what Snakemake printed, without the targets that only collect."""
    found = re.findall(r"^([a-z_]+) +(\d+)$", text, flags=re.M)
    counts = Counter({name: int(n) for name, n in found})
    for name in ("total", "all", "preprocess", "train", "controls", "explain", "predict"):
        counts.pop(name, None)
    return counts


class Project:
    """A copy of the workflow with a small study whose raw data are stand-ins."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("workflow", "src", "config", "envs"):
            ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
            shutil.copytree(ROOT / name, folder / name, ignore=ignored)
        shutil.copy(ROOT / "Snakefile", folder)
        self.config = folder / "config" / "small.yaml"
        self.config.write_text(
            yaml.safe_dump(
                {
                    "study": "small",
                    "subjects": "config/small.tsv",
                    "cohort": "config/cohorts/small.tsv",
                    "overrides": "config/small-overrides.tsv",
                    "analysis_plan": "config/small-plan.yaml",
                    "occlusion_map": {"ablations": ["postop-event-dose"]},  # quicker than all
                }
            )
        )
        write_plan(folder / "config/small-plan.yaml", ["postop-event", "event"])
        self.write_subjects(["P001", "P002", "P003", "P004"])
        self.decide()
        rows = [f"{s}\ttrain\t{f}" for s, f in FOLDS.items()]
        cohort = "\n".join(["subject\tsplit\tfold", *rows]) + "\n"
        (folder / "config" / "cohorts" / "small.tsv").write_text(cohort)

    def decide(self, *rows: str) -> None:
        """Write the overrides table."""
        lines = ["subject\tcheck\tdecision\twho\twhy", *rows]
        (self.folder / "config" / "small-overrides.tsv").write_text("\n".join(lines) + "\n")

    def write_subjects(self, names: list[str], unlabelled: Sequence[str] = ()) -> None:
        lines = ["subject\tlabel\tpostop\tevent\tdose\tct"]
        for number, name in enumerate(names):
            raw = self.folder / "raw" / name
            if not raw.exists():
                make_raw(raw)
            label = "" if name in unlabelled else ("recurrence", "RICE")[number // 2 % 2]
            lines.append(
                f"{name}\t{label}\t../raw/{name}/postop\t../raw/{name}/event\t../raw/{name}/rt"
                f"\t../raw/{name}/ct"
            )
        (self.folder / "config" / "small.tsv").write_text("\n".join(lines) + "\n")

    def snakemake(self, *arguments: str, status: int = 0) -> str:
        command = [sys.executable, "-m", "snakemake", "--configfile", str(self.config)]
        result = subprocess.run(
            [*command, "--cores", "2", *arguments],
            cwd=self.folder,
            env=os.environ | {"PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == status, result.stdout + result.stderr
        return result.stdout + result.stderr

    def finish(self) -> None:
        """Run everything with the stand-in."""
        program = self.folder / "bin" / "python"
        program.parent.mkdir()
        program.write_text(STAND_IN)
        program.chmod(0o755)
        self.snakemake("--quiet=all")

    def jobs(self, *targets: str) -> Counter:
        """Jobs that Snakemake would run, without the targets that only collect."""
        return self._counted("--dry-run", *targets)

    def ran(self, *targets: str) -> Counter:
        """Jobs that Snakemake has run, after it has; nothing is left to do then."""
        return self._counted(*targets)

    def ricenet(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Call the program with the study's settings."""
        return subprocess.run(
            [sys.executable, "-m", "ricenet", *words, "--configfile", str(self.config)],
            cwd=self.folder,
            env=os.environ | {"PYTHONPATH": str(self.folder / "src")},
            capture_output=True,
            text=True,
            check=False,
        )

    def plan(self, *arguments: str) -> dict[str, tuple[int, str, str]]:
        """What ``ricenet plan`` says of each rule: jobs, hours, why."""
        done = self.ricenet("plan", *arguments, "--cores", "1")
        assert done.returncode == 0, done.stdout + done.stderr
        rows = re.findall(r"^(\w+) +(\d+) +([\d.?]+)  (.*)$", done.stdout, flags=re.M)
        assert rows or done.stdout == "nothing would run\n"
        return {name: (int(n), hours, why) for name, n, hours, why in rows}

    def _counted(self, *arguments: str) -> Counter:
        return job_counts(self.snakemake("--quiet", "rules", "--nocolor", *arguments))


SUBJECT_JOBS = Counter(
    ingest_mri=3,
    ingest_dose=1,
    timeline=1,
    resample=3,
    brain_mask=2,
    register=2,
    align=3,
    zscore=2,
    total_dose=1,
    crop=1,
    quality=1,
    cache=1,
    overview=1,
)


ARRIVAL_JOBS = Counter(arrival=1, predict_arrival=1, vote=1, occlusion_arrival=1, picture_arrival=1)


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text, f"{old!r} is not in {path.name}"
    path.write_text(text.replace(old, new, 1))
