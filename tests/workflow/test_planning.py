"""What a person sees of the planning: ``snakemake -n`` as a program, its status and its words."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from snakemake_project import FOLDS, Project, job_counts

HEADER = "subject\tsplit\tfold\n"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def settings(project: Project, **changes: object) -> None:
    values = yaml.safe_load(project.config.read_text())
    project.config.write_text(yaml.safe_dump(values | changes))


def test_every_warning_is_seen_once(project: Project) -> None:
    """A raw path that is gone, a setting that is hardly meant, models of who was withdrawn."""
    settings(project, cache={"dose_scaling": "zscore"})
    (project.folder / "raw/P003/event").rename(project.folder / "raw/P003/moved")
    table = project.folder / "config/cohorts/small.tsv"
    table.write_text(table.read_text() + "P009\ttrain\t0\n")
    project.decide("P009\tall\twithdraw\tAB\tconsent")
    manifest = project.folder / "results/small/cohorts/small/manifest.tsv"
    manifest.parent.mkdir(parents=True)
    manifest.write_text("subject\tsplit\nP009\ttrain\n")
    shown = project.snakemake("--dry-run", "--quiet", "rules")
    for part in (
        "warning: cache.dose_scaling is zscore",
        "warning: the models of cohort small were trained with ['P009']",
        "warning: subject P003: the path in column 'event' of config/small.tsv does not exist",
    ):
        assert shown.count(part) == 1, part
    assert shown.count("warning:") == 3 and "moved" not in shown


CLUSTER = """#!/bin/sh
cd "$(dirname "$0")/.."
sh "$1" > bin/job.log 2>&1
"""


def test_a_job_that_reads_the_snakefile_again_repeats_no_warning(project: Project) -> None:
    (project.folder / "raw/P003/event").rename(project.folder / "raw/P003/moved")
    programs = project.folder / "bin"
    programs.mkdir()
    for name, text in (("submit", CLUSTER), ("python", "#!/bin/sh\nexit 1\n")):
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    shown = project.snakemake(
        "results/small/subjects/P001/timeline.json", "--executor", "cluster-generic",
        "--cluster-generic-submit-cmd", "bin/submit", "--jobs", "1", status=1,
    )  # fmt: skip
    inside = (programs / "job.log").read_text()
    assert shown.count("warning: subject P003") == 1
    assert "rule timeline" in inside and "warning:" not in inside
    # and it is that job that knows what became of its command
    assert "its program did not begin" in (project.folder / "results/small/status.tsv").read_text()


# --- refused before anything runs -----------------------------------------------------------------


def cohort(project: Project, text: str) -> None:
    (project.folder / "config/cohorts/small.tsv").write_text(text)


def test_what_must_fail_is_refused(project: Project) -> None:
    table = project.folder / "config/small.tsv"
    sound = table.read_text()
    link = project.folder / "raw/link"
    link.symlink_to(project.folder / "raw/P001/event")
    table.write_text(sound.replace("../raw/P002/event", "../raw/link/"))
    shown = project.snakemake("--dry-run", status=1)
    assert "event of P001 and event of P002 are the same raw data under two ids" in shown
    table.write_text(sound)
    folds = {"P001": 0, "P002": 0, "P003": 0, "P004": 1}
    project.write_subjects([*FOLDS, "P005"])  # recurrence, recurrence, RICE, RICE, recurrence
    rows = [f"{s}\ttrain\t{f}\n" for s, f in {**folds, "P005": 0}.items()]
    cohort(project, HEADER + "".join(rows))
    shown = project.snakemake("--dry-run", status=1)
    assert "folds [1] have no training subject with label recurrence" in shown


def test_a_decision_that_no_gate_could_find_is_refused(project: Project) -> None:
    project.decide("P002\tpostop_to-evnt/left-right\taccept\tAB\tseen")
    shown = project.snakemake("--dry-run", status=1)
    assert "no record of that name, but postop_to-event" in shown


@pytest.mark.parametrize("target", ["train", "evaluate"])
def test_nothing_is_trained_on_nobody(target: str, project: Project) -> None:
    cohort(project, HEADER)
    shown = project.snakemake(target, "--dry-run", status=1)
    assert "fill the cohort file config/cohorts/small.tsv" in shown


def test_what_there_is_nothing_of_is_said(project: Project) -> None:
    shown = project.snakemake("predict", "explain", "--dry-run")
    assert shown.count("warning: nothing to predict: every subject of") == 1
    assert shown.count("warning: nothing to explain: the cohort file") == 1
    # without a settings file it is the empty study of the defaults
    project.config = project.folder / "config/config.yaml"
    shown = project.snakemake("--dry-run", "--quiet", "rules")
    assert shown.count("warning: config/subjects.tsv has no rows") == 1
    assert "--configfile FILE" in shown


def test_only_the_named_input_combinations_are_trained(project: Project) -> None:
    """Two of seven, in two folds; the cap counts both."""
    settings(project, analysis_plan=None, input_combinations=["postop-event-dose", "dose"])
    assert job_counts(project.snakemake("evaluate", "--dry-run"))["train_model"] == 4
    settings(project, analysis_plan=None, max_trainings=3)
    shown = project.snakemake("evaluate", "--dry-run", status=1)
    assert "2 input combinations in 2 folds are 4 trainings, more than max_trainings 3" in shown
