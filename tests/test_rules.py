"""What runs again after which event: the real Snakefile, really run by Snakemake.

Only the program ``python`` that the rules call is a stand-in here: it writes its output files and
nothing else, so that Snakemake has its own records of a finished study within seconds. The steps
themselves run for real in test_end_to_end.py.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml

from moved_modules import move

ROOT = Path(__file__).parents[1]
# a record differs from run to run (it holds times), the files themselves do not
STAND_IN = """#!/bin/sh
flag=
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
        --record) date +%s%N > "$word" ;;
        --out|--history|--predictions|--summary|--cropped|--cropped-mask|--channel-maps)
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
    for name in ("total", "all", "preprocess", "train", "explain", "predict"):
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
                }
            )
        )
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


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    project = Project(tmp_path_factory.mktemp("finished"))
    project.finish()
    return project.folder


@pytest.fixture
def project(finished: Path, tmp_path: Path) -> Project:
    """A fresh copy of the finished study; modification times and records kept."""
    folder = tmp_path / "copy"
    shutil.copytree(finished, folder)
    copy = Project.__new__(Project)
    copy.folder, copy.config = folder, folder / "config" / "small.yaml"
    return copy


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text, f"{old!r} is not in {path.name}"
    path.write_text(text.replace(old, new, 1))


def test_nothing_changed_runs_nothing(project: Project) -> None:
    assert project.jobs() == Counter()


def test_new_patient_runs_its_own_preprocessing_and_no_training(project: Project) -> None:
    project.write_subjects(["P001", "P002", "P003", "P004", "P005"])
    assert project.jobs("preprocess") == SUBJECT_JOBS
    assert project.jobs("train") == Counter()
    assert project.jobs() == SUBJECT_JOBS + Counter(audit=1, report=1)


def test_touching_sources_and_raw_data_runs_nothing(project: Project) -> None:
    for folder in ("src", "workflow", "config", "raw"):
        for path in (project.folder / folder).rglob("*"):
            path.touch()
    (project.folder / "Snakefile").touch()
    assert project.jobs() == Counter()


def test_docstring_comment_and_key_order_run_nothing(project: Project) -> None:
    source = project.folder / "src/ricenet/preprocess/zscore.py"
    edit(source, '"""Mean 0', '"""The mean is 0')
    edit(source, "from ricenet import step", "# a comment\nfrom ricenet import step")
    config = project.folder / "config/config.yaml"
    values = yaml.safe_load(config.read_text())
    turned = {k: dict(reversed(v.items())) if isinstance(v, dict) else v for k, v in values.items()}
    config.write_text(yaml.safe_dump(dict(reversed(turned.items())), sort_keys=False))
    assert project.jobs() == Counter()


def test_moved_modules_run_nothing(project: Project) -> None:
    """A step, what it imports, and what carries it: with new folders and new names."""
    source = project.folder / "src/ricenet"
    move(source, "preprocess.zscore", "intensities.standardise")
    move(source, "image.volume", "grids.volume")
    move(source, "train.epoch", "train.one_epoch")
    move(source, "explain.occlusion.maps", "explain.occlusion.sweep")
    assert project.jobs() == Counter()


def test_edited_step_reruns_that_step_and_what_depends_on_it(project: Project) -> None:
    edit(project.folder / "src/ricenet/preprocess/zscore.py", "at_most=1e-3", "at_most=2e-3")
    jobs = project.jobs("preprocess")
    assert jobs == Counter(zscore=8, crop=4, quality=4, cache=4, overview=4)


def test_edited_step_with_equal_results_trains_nothing(project: Project) -> None:
    edit(project.folder / "src/ricenet/preprocess/zscore.py", "at_most=1e-3", "at_most=2e-3")
    project.snakemake("--quiet=all", "preprocess", "manifest")
    assert project.jobs("train") == Counter()


def test_learning_rate_reruns_training_and_no_preprocessing(project: Project) -> None:
    edit(project.folder / "config/config.yaml", "learning_rate: 1.0e-4", "learning_rate: 2.0e-4")
    jobs = project.jobs()
    assert jobs["train_model"] == 7 * 2
    assert not set(jobs) & (set(SUBJECT_JOBS) | {"manifest"})


def test_replaced_series_reruns_its_chain_and_the_trainings(project: Project) -> None:
    path = project.folder / "raw/P002/event/0.dcm"
    old = path.stat()
    path.write_bytes(path.read_bytes()[::-1])  # same size, in place, older folder time
    assert path.stat().st_size == old.st_size
    jobs = project.jobs()
    assert jobs["ingest_mri"] == 1
    assert "ingest_dose" not in jobs
    assert jobs["brain_mask"] == 1
    assert jobs["cache"] == 1
    assert jobs["train_model"] == 7 * 2


def test_a_decision_reruns_the_gate_of_its_subject_and_what_follows(project: Project) -> None:
    project.decide("P002\tcrop/brain-voxels-lost\taccept\tAB\trim of the skull")
    assert project.jobs("preprocess") == Counter(quality=1, cache=1)


def test_excluded_subject_has_no_jobs_and_leaves_the_manifest(project: Project) -> None:
    project.write_subjects([*FOLDS, "P005"])
    project.decide("P005\tall\texclude\tAB\twithdrawn")
    assert project.jobs("preprocess") == Counter() and project.jobs("manifest") == Counter()
    assert project.jobs() == Counter(audit=1, report=1)  # both say that it was excluded


def test_a_subject_that_fails_stops_its_own_branch_and_is_on_the_board(project: Project) -> None:
    project.write_subjects([*FOLDS, "P005", "P006"])
    table = project.folder / "config" / "small.tsv"
    table.write_text(table.read_text().replace("raw/P005/event", "raw/P005/BROKEN"))
    (project.folder / "raw/P005/event").rename(project.folder / "raw/P005/BROKEN")
    shown = project.snakemake("--quiet=all", "--keep-going", status=1)
    root = project.folder / "results" / "small"
    assert (root / "caches/P006.npy").exists() and not (root / "caches/P005.npy").exists()
    assert "1 failed, 5 ready" in shown and "give the series" in shown
    lines = (root / "status.tsv").read_text().splitlines()
    assert lines[1].startswith("P005\tfailed\tingest_mri of y\ttwo slices\tgive the series")
    assert "two slices" in (root / "status.html").read_text()
    # it is outside the cohort, and the next report does not wait for it
    jobs = project.jobs()
    assert jobs["report"] == 1 and jobs["train_model"] == 0 and jobs["ingest_mri"] == 1


def test_deleted_digest_memory_runs_nothing(project: Project) -> None:
    (project.folder / ".snakemake/ricenet-raw-digests.json").unlink()
    assert project.jobs() == Counter()


def test_full_configuration_builds_for_the_papers_cohort(tmp_path: Path) -> None:
    project = Project(tmp_path)
    names = [f"P{k:03d}" for k in range(92)]
    project.write_subjects(names)
    rows = [f"{s}\t" + (f"train\t{k % 5}" if k < 80 else "test\t") for k, s in enumerate(names)]
    cohort = "\n".join(["subject\tsplit\tfold", *rows]) + "\n"
    (tmp_path / "config/cohorts/small.tsv").write_text(cohort)
    jobs = project.jobs()
    assert jobs["train_model"] == 35
    assert jobs["cache"] == 92
    assert jobs["occlusion_map"] == jobs["occlusion_native"] == 12
    assert jobs["occlusion_summary"] == jobs["dose_counterfactual"] == 1
    assert sum(jobs.values()) == 92 * sum(SUBJECT_JOBS.values()) + 1 + 35 + 7 + 1 + 36 + 2 + 2


def test_two_channels_without_dose_build(tmp_path: Path) -> None:
    project = Project(tmp_path)
    values = yaml.safe_load(project.config.read_text())
    values["channels"] = [{"name": "postop", "kind": "mri"}, {"name": "event", "kind": "mri"}]
    values["occlusion_map"] = {"ablations": ["postop-event"]}
    project.config.write_text(yaml.safe_dump(values))
    jobs = project.jobs()
    assert not {"ingest_dose", "total_dose"} & set(jobs)
    assert jobs["ingest_mri"] == 8  # no planning CT without a dose
    assert jobs["train_model"] == 3 * 2


def digests(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Content and date of each file below a folder, by its path."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {str(p.relative_to(folder)): (p.read_bytes(), p.stat().st_mtime_ns) for p in files}


def test_arriving_patients_are_asked_about_and_nobody_trains(project: Project) -> None:
    project.write_subjects([*FOLDS, "P005"], unlabelled=["P005"])
    cohort = project.folder / "results/small/cohorts/small"
    models = {p: f for p, f in digests(cohort).items() if "fold-" in p}
    # settings that would train again, and a new row, leave the models as they are
    edit(project.folder / "config/config.yaml", "learning_rate: 1.0e-4", "learning_rate: 2.0e-4")
    asked = ARRIVAL_JOBS + Counter(predictions=1)
    assert project.ran("predict") == SUBJECT_JOBS + asked
    assert project.jobs("predict") == Counter()
    after = digests(cohort)
    assert {p: after[p] for p in models} == models
    # the next one is asked about alone
    project.write_subjects([*FOLDS, "P005", "P006"], unlabelled=["P005", "P006"])
    assert project.ran("predict") == SUBJECT_JOBS + asked


def test_another_cohort_leaves_the_models_of_the_first_as_they_are(project: Project) -> None:
    names = [*FOLDS, "P005", "P006"]
    project.write_subjects(names)
    rows = [*(f"{s}\ttrain\t{f}" for s, f in FOLDS.items()), "P005\ttest\t", "P006\ttest\t"]
    for cohort, members in (("small", rows[:5]), ("second", rows)):
        text = "\n".join(["subject\tsplit\tfold", *members]) + "\n"
        (project.folder / f"config/cohorts/{cohort}.tsv").write_text(text)
    project.ran()  # the first cohort, now with a test subject
    first = project.folder / "results/small/cohorts/small"
    before = digests(first)
    values = yaml.safe_load(project.config.read_text())
    values |= {"cohort": "config/cohorts/second.tsv", "compare": {"cohorts": ["small"]}}
    project.config.write_text(yaml.safe_dump(values))
    assert project.ran() == Counter(
        manifest=1, train_model=14, predict_test=7, evaluate=1, compare=1, occlusion_map=2,
        occlusion_native=2, occlusion_picture=2, occlusion_summary=1, dose_counterfactual=1,
        audit=1, report=1,
    )  # fmt: skip
    assert digests(first) == before and len(before) > 14 * 4
    assert project.jobs() == Counter()
