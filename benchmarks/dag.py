"""How long Snakemake takes to plan this workflow, beside a bare one with the same rules and jobs.

    python benchmarks/dag.py --subjects 100 1000 5000 --repeats 5 3 1 --finished 1000

The bare Snakefile has the same rules, files and jobs and nothing else: no settings, digests, logs,
benchmarks, input functions. Both plan in one run, in turns; a ratio compares medians.
``--finished`` measures a second run of a study that is done, with empty files and Snakemake's own
records of them.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import yaml

ROOT = Path(__file__).parents[1]
SETTINGS = ["--configfile", "config/scale.yaml"]
TARGETS = {"all", "total"}  # they collect; the bare Snakefile names them alike
TEST_EVERY = 10  # one subject in ten is a test subject

BARE = """
S = "results/scale/subjects/{subject}"
C = "results/scale/cohorts/scale"
ALL = [f"P{k:05d}" for k in range(SUBJECTS)]
TEST = ALL[::10]
ABLATIONS = "postop event dose postop-event postop-dose event-dose postop-event-dose".split()
CHANNELS = ["postop", "event", "dose"]
FULL = "postop-event-dose"
RECORDS = ["timeline", "postop_native", "event_native", "ct_native", "dose_native",
    "postop_brain-mask", "event_brain-mask", "postop_zscored", "event_zscored",
    "postop_to-event", "ct_to-postop", "dose_registered", "dose_total", "crop"]
CROPPED = [S + f"/{name}_cropped.nii.gz" for name in (*CHANNELS, "brain-mask")]
MODELS = [C + f"/{{ablation}}/fold-{k}/model.safetensors" for k in range(5)]
TRAINED = [C + "/{ablation}/fold-{fold}/" + name
    for name in ("model.safetensors", "history.tsv", "predictions.tsv", "model.json")]
VALIDATED = expand(C + "/{a}/fold-{k}/predictions.tsv", a=ABLATIONS, k=range(5))
TESTED = expand(C + "/{a}/test-predictions.tsv", a=ABLATIONS)
EVALUATED = [f"{C}/evaluation/{n}" for n in ("metrics.tsv", "metrics.json", "evaluation.json")]
CACHES = expand("results/scale/caches/{s}.npy", s=ALL)
OVERVIEWS = expand("results/scale/subjects/{s}/overview.png", s=ALL)
MAPS = expand(f"{C}/{{{{ablation}}}}/occlusion/{{s}}{{end}}", s=TEST,
    end=[".nii.gz", "_channels.nii.gz", ".json"])
MASKS = [f"results/scale/subjects/{s}/brain-mask_cropped.nii.gz" for s in TEST]
NATIVES = expand(f"{C}/{FULL}/occlusion/{{s}}_native.nii.gz", s=TEST)
SUMMARIES = [f"{C}/{FULL}/{name}.tsv" for name in ("occlusion-summary", "dose-counterfactuals")]
PICTURES = expand(f"{C}/{FULL}/occlusion/{{s}}.png", s=TEST)
wildcard_constraints:
    subject="[A-Za-z0-9][A-Za-z0-9-]{0,62}", mri="postop|event|ct", dose="dose", channel="[a-z]+",
    target="[a-z]+", ablation="[a-z-]+", fold="[0-9]+"
rule all:
    default_target: True
    input: f"{C}/report/index.html", CACHES, OVERVIEWS
rule ingest_mri:
    output: image=S + "/{mri}_native.nii.gz", record=S + "/{mri}_native.json"
    shell: "true"
rule ingest_dose:
    output: image=S + "/{dose}_native.nii.gz", record=S + "/{dose}_native.json"
    shell: "true"
rule timeline:
    output: S + "/timeline.json"
    shell: "true"
rule resample:
    input: S + "/{mri}_native.nii.gz"
    output: image=S + "/{mri}_isotropic.nii.gz", record=S + "/{mri}_isotropic.json"
    shell: "true"
rule brain_mask:
    input: S + "/{mri}_native.nii.gz", S + "/{mri}_isotropic.nii.gz"
    output: mask=S + "/{mri}_brain-mask.nii.gz", record=S + "/{mri}_brain-mask.json"
    shell: "true"
rule register:
    input: S + "/{mri}_isotropic.nii.gz", S + "/{target}_isotropic.nii.gz",
        S + "/postop_brain-mask.nii.gz", S + "/event_brain-mask.nii.gz"
    output: transform=S + "/{mri}_to-{target}.tfm", record=S + "/{mri}_to-{target}.json"
    shell: "true"
rule align:
    input: S + "/{channel}_native.nii.gz", S + "/{channel}_native.json",
        S + "/event_isotropic.nii.gz", S + "/event_brain-mask.nii.gz", S + "/postop_to-event.tfm"
    output: image=S + "/{channel}_registered.nii.gz", record=S + "/{channel}_registered.json"
    shell: "true"
rule zscore:
    input: S + "/{mri}_registered.nii.gz", S + "/event_brain-mask.nii.gz"
    output: image=S + "/{mri}_zscored.nii.gz", record=S + "/{mri}_zscored.json"
    shell: "true"
rule total_dose:
    input: S + "/{dose}_registered.nii.gz", S + "/{dose}_native.json",
        S + "/event_brain-mask.nii.gz"
    output: image=S + "/{dose}_total.nii.gz", record=S + "/{dose}_total.json"
    shell: "true"
rule crop:
    input: S + "/postop_zscored.nii.gz", S + "/event_zscored.nii.gz", S + "/dose_total.nii.gz",
        S + "/event_brain-mask.nii.gz"
    output: CROPPED, record=S + "/crop.json"
    shell: "true"
rule quality:
    input: [S + f"/{name}.json" for name in RECORDS]
    output: table=S + "/quality.tsv", record=S + "/quality.json"
    shell: "true"
rule cache:
    input: CROPPED, S + "/quality.tsv"
    output: "results/scale/caches/{subject}.npy", "results/scale/caches/{subject}.json"
    shell: "true"
rule overview:
    input: S + "/postop_registered.nii.gz", S + "/event_registered.nii.gz",
        S + "/event_brain-mask.nii.gz", CROPPED
    output: S + "/overview.png", S + "/overview.json"
    shell: "true"
rule manifest:
    input: CACHES
    output: table=f"{C}/manifest.tsv", record=f"{C}/manifest.json"
    shell: "true"
rule train_model:
    input: f"{C}/manifest.tsv", f"{C}/manifest.json"
    output: TRAINED
    shell: "true"
rule predict_test:
    input: f"{C}/manifest.tsv", MODELS
    output: C + "/{ablation}/test-predictions.tsv", C + "/{ablation}/test-predictions.json"
    shell: "true"
rule evaluate:
    input: f"{C}/manifest.tsv", VALIDATED, TESTED
    output: EVALUATED
    shell: "true"
rule occlusion_map:
    input: f"{C}/manifest.tsv", MODELS,
        S + "/brain-mask_cropped.nii.gz"
    output: map=C + "/{ablation}/occlusion/{subject}.nii.gz",
        channel_maps=C + "/{ablation}/occlusion/{subject}_channels.nii.gz",
        record=C + "/{ablation}/occlusion/{subject}.json"
    shell: "true"
rule occlusion_native:
    input: C + "/{ablation}/occlusion/{subject}.nii.gz", S + "/event_native.nii.gz",
        S + "/event_native.json"
    output: C + "/{ablation}/occlusion/{subject}_native.nii.gz",
        C + "/{ablation}/occlusion/{subject}_native.json"
    shell: "true"
rule occlusion_summary:
    input: MAPS, MASKS
    output: C + "/{ablation}/occlusion-summary.tsv", C + "/{ablation}/occlusion-summary.json"
    shell: "true"
rule dose_counterfactual:
    input: f"{C}/manifest.tsv", MODELS, MASKS
    output: C + "/{ablation}/dose-counterfactuals.tsv", C + "/{ablation}/dose-counterfactuals.json"
    shell: "true"
rule occlusion_picture:
    input: C + "/{ablation}/occlusion/{subject}.nii.gz", C + "/{ablation}/occlusion/{subject}.json",
        CROPPED
    output: C + "/{ablation}/occlusion/{subject}.png",
        C + "/{ablation}/occlusion/{subject}_picture.json"
    shell: "true"
rule audit:
    input: f"{C}/evaluation/evaluation.json", OVERVIEWS, CACHES, PICTURES, NATIVES,
        SUMMARIES
    output: "results/scale/audit/records.tsv", "results/scale/audit/audit.json"
    shell: "true"
rule report:
    input: f"{C}/evaluation/metrics.tsv", f"{C}/evaluation/metrics.json", f"{C}/manifest.tsv",
        "results/scale/audit/records.tsv", OVERVIEWS, PICTURES
    output: f"{C}/report/index.html", f"{C}/report/report.json"
    shell: "true"
"""


class Cost(NamedTuple):
    """Wall time, processor time and peak memory of one program."""

    seconds: float
    processor: float
    mebibytes: float
    text: str


PLAN = "from snakemake.cli import main; main()"
# Instead of running its jobs Snakemake makes each job's outputs as empty files, in the order of
# their dependencies, and records them as its own.
FINISH = """
from pathlib import Path
from snakemake import cli, workflow

class Recorder(workflow.JobScheduler):
    def schedule(self):
        dag = self.workflow.dag
        for level in dag.toposorted():
            for job in level:
                for path in map(Path, job.output):
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.touch()
                self.workflow.async_run(self.workflow.persistence.finished(job))
        return True

workflow.JobScheduler = Recorder
cli.main()
"""


def run(folder: Path, *arguments: str, program: str = PLAN) -> Cost:
    """Run Snakemake in a folder and wait for it."""
    started = time.monotonic()
    command = [sys.executable, "-c", program, "--nocolor", "--quiet", "rules", "--cores", "2"]
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(
            [*command, *arguments], cwd=folder, stdout=output, stderr=subprocess.STDOUT
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - started
        output.seek(0)
        text = output.read()
    if status:
        raise SystemExit(text[-3000:])
    return Cost(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, text)


def jobs(text: str) -> dict[str, int]:
    """Jobs of a dry run by rule."""
    found = {name: int(n) for name, n in re.findall(r"^([a-z_]+) +(\d+)$", text, flags=re.M)}
    return {name: n for name, n in found.items() if name not in TARGETS}


def make_ours(folder: Path, subjects: int) -> Path:
    """Copy of the workflow with a study of so many subjects, each with its own raw files."""
    for name in ("workflow", "src", "config", "envs"):
        shutil.copytree(
            ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info")
        )
    shutil.copy(ROOT / "Snakefile", folder)
    names = [f"P{k:05d}" for k in range(subjects)]
    rows = ["subject\tlabel\tpostop\tevent\tdose\tct"]
    cohort = ["subject\tsplit\tfold"]
    for k, name in enumerate(names):
        for part in ("postop", "event", "rt", "ct"):
            raw = folder / "raw" / name / part
            raw.mkdir(parents=True)
            (raw / "1.dcm").write_text(f"{name} {part}")
        cells = (f"../raw/{name}/{part}" for part in ("postop", "event", "rt", "ct"))
        rows.append("\t".join((name, ("RICE", "recurrence")[k // 5 % 2], *cells)))
        cohort.append(f"{name}\ttest\t" if k % TEST_EVERY == 0 else f"{name}\ttrain\t{k % 5}")
    (folder / "config/scale.tsv").write_text("\n".join(rows) + "\n")
    (folder / "config/cohorts/scale.tsv").write_text("\n".join(cohort) + "\n")
    values = {
        "study": "scale",
        "subjects": "config/scale.tsv",
        "cohort": "config/cohorts/scale.tsv",
    }
    (folder / "config/scale.yaml").write_text(yaml.safe_dump(values))
    return folder


def make_bare(folder: Path, subjects: int) -> Path:
    """Folder with the bare Snakefile."""
    folder.mkdir(parents=True)
    (folder / "Snakefile").write_text(f"SUBJECTS = {subjects}\n{BARE}")
    return folder


def show(what: str, ours: Sequence[Cost], bare: Sequence[Cost], jobs_planned: int) -> None:
    """Print one line of the table: medians, and the ratio of ours to bare."""
    cells = [what, str(jobs_planned), str(len(ours))]
    for name in ("seconds", "processor"):
        pair = [statistics.median(getattr(c, name) for c in side) for side in (ours, bare)]
        cells += [f"{pair[0]:.1f}", f"{pair[1]:.1f}", f"{pair[0] / pair[1]:.2f}"]
    cells += [f"{max(c.mebibytes for c in side):.0f}" for side in (ours, bare)]
    print(f"| {' | '.join(cells)} |", flush=True)


def measure(folders: Iterable[tuple[Path, list[str]]], repeats: int) -> list[list[Cost]]:
    """Plan in turns; one list of costs for each folder."""
    places = list(folders)
    found: list[list[Cost]] = [[] for _ in places]
    for _ in range(repeats):
        for costs, (folder, arguments) in zip(found, places, strict=True):
            costs.append(run(folder, *arguments, "--dry-run"))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--subjects", type=int, nargs="*", default=[100, 1000, 5000])
    parser.add_argument("--repeats", type=int, nargs="*", default=[5, 3, 1])
    parser.add_argument("--finished", type=int, nargs="*", default=[1000])
    parser.add_argument("--finished-repeats", type=int, default=3)
    args = parser.parse_args()
    columns = ["study", "jobs", "repeats", "ours, s", "bare, s", "ratio"]
    columns += ["ours, CPU s", "bare, CPU s", "ratio", "ours, MiB", "bare, MiB"]
    print(f"| {' | '.join(columns)} |")
    print("|---" * len(columns) + "|", flush=True)
    plans = [(n, r, False) for n, r in zip(args.subjects, args.repeats, strict=True)]
    plans += [(n, args.finished_repeats, True) for n in args.finished]
    for subjects, repeats, finished in plans:
        with tempfile.TemporaryDirectory(prefix="ricenet-dag-") as name:
            ours = make_ours(Path(name) / "ours", subjects)
            bare = make_bare(Path(name) / "bare", subjects)
            places: list[tuple[Path, list[str]]] = [(ours, SETTINGS), (bare, [])]
            for folder, arguments in places if finished else []:
                run(folder, *arguments, "--no-hooks", program=FINISH)
            costs = measure(places, repeats)
            counts = [jobs(side[-1].text) for side in costs]
            if counts[0] != counts[1]:
                raise SystemExit(f"the two do not plan the same jobs: {counts}")
            what = f"nothing to do, {subjects} subjects" if finished else f"{subjects} subjects"
            show(what, *costs, sum(counts[0].values()))


if __name__ == "__main__":
    main()
