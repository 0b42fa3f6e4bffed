"""Where the checkout lies, how it is used, and which code its jobs run: by Snakemake itself."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from ricenet.study import installation
from snakemake_project import Project, job_counts

ODD = 'My Study\'s "$HOME" `id` #1'
TIMELINE = "results/small/subjects/P001/timeline.json"
# a step of this checkout and no other
OWN = """
import argparse
from pathlib import Path

def main(argv=None):
    parser = argparse.ArgumentParser()
    parser.add_argument("--record", type=Path)
    parser.parse_known_args(argv)[0].record.write_text(str(Path(__file__).resolve()))
"""


def snakemake(folder: Path, *words: str, status: int = 0, path: Path | None = None) -> str:
    """What Snakemake prints, started in a folder."""
    search = f"{path}:{os.environ['PATH']}" if path else os.environ["PATH"]
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", "--cores", "2", "--nocolor", *words],
        cwd=folder, env=os.environ | {"PATH": search}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_a_checkout_with_an_odd_path_runs_its_own_code(tmp_path: Path) -> None:
    """A package that is installed elsewhere must not step in."""
    (tmp_path / ODD).mkdir()
    project = Project(tmp_path / ODD)
    (project.folder / "src/ricenet/ingest/timeline.py").write_text(OWN)
    project.snakemake("--quiet=all", TIMELINE)
    ran = (project.folder / TIMELINE).read_text()
    assert Path(ran) == project.folder.resolve() / "src/ricenet/ingest/timeline.py"


@pytest.mark.parametrize("path", ["/a:b/src", "/a{b}/src"])
def test_a_path_that_cannot_be_told_to_python_or_snakemake_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="move the checkout to a folder without"):
        installation.prefix(Path(path), alone=True)


def programs(project: Project, **bodies: str) -> Path:
    """A folder with a ``python`` that does something else for each step, or nothing."""
    folder = project.folder / "bin"
    folder.mkdir()
    cases = "".join(f"*'ricenet {step} '*) {body} ;;\n" for step, body in bodies.items())
    program = folder / "python"
    program.write_text(f'#!/bin/sh\ncase "$*" in\n{cases}*) exit 0 ;;\nesac\n')
    program.chmod(0o755)
    return folder


def test_a_job_whose_source_was_edited_meanwhile_refuses_to_start(tmp_path: Path) -> None:
    project = Project(tmp_path)
    source = tmp_path / "src/ricenet/ingest/timeline.py"
    edit = f"echo 'LATER = 1' >> {source}; exec {sys.executable} \"$@\""
    path = programs(project, timeline=edit)
    shown = snakemake(
        tmp_path, TIMELINE, "--configfile", str(project.config), status=1, path=path
    )  # fmt: skip
    assert "other code of timeline" in shown and "than was planned" in shown
    board = (tmp_path / "results/small/status.tsv").read_text().splitlines()
    assert board[1].startswith("P001\tfailed\ttimeline of timeline\tthis job would run other code")
    assert board[1].endswith("start the same command again")


def test_jobs_that_end_without_a_word_stand_on_the_board(tmp_path: Path) -> None:
    """No Python at all; a Python that is killed after the step has emptied its log."""
    project = Project(tmp_path)
    killed = 'while [ "$1" != --log ]; do shift; done; : > "$2"; kill -9 $$'
    path = programs(project, timeline="exit 127", ingest_mri=killed)
    native = "results/small/subjects/P002/event_native.nii.gz"
    shown = snakemake(
        tmp_path, TIMELINE, native, "--keep-going", "--configfile", str(project.config),
        status=1, path=path,
    )  # fmt: skip
    board = (tmp_path / "results/small/status.tsv").read_text().splitlines()
    rows = dict(line.split("\t", 1) for line in board)
    assert rows["P001"].startswith("failed\ttimeline of timeline\tits program did not begin")
    assert rows["P002"].startswith("failed\tingest_mri of event_native\tits program was ended from")
    assert "memory" not in rows["P001"] and "memory" in rows["P002"]
    assert "2 failed" in shown


# --- in another folder, as a module ---------------------------------------------------------------


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A checkout that nothing is written into."""
    return Project(tmp_path_factory.mktemp("checkout") / "rice net")


def study(project: Project) -> dict[str, str]:
    """Settings of the checkout's small study for a run in another folder."""
    names = {"subjects": "small.tsv", "cohort": "cohorts/small.tsv"}
    return {"study": "small", **{k: str(project.folder / "config" / n) for k, n in names.items()}}


def written(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if "__pycache__" not in path.parts}


def test_the_workflow_runs_in_another_folder(checkout: Project, tmp_path: Path) -> None:
    """Defaults, also tables that are not named, are the checkout's; results lie in the folder."""
    before = written(checkout.folder)
    (tmp_path / "work").mkdir()
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(study(checkout)))
    source = ["--snakefile", str(checkout.folder / "Snakefile")]
    words = [*source, "--directory", "work", "--configfile", "mine.yaml"]
    shown = snakemake(tmp_path, *words, "--dry-run", "--quiet", "rules")
    assert job_counts(shown)["train_model"] == 14 and job_counts(shown)["report"] == 1
    work = tmp_path / "work"
    snakemake(work, TIMELINE, *source, "--configfile", "../mine.yaml", status=1)
    assert (
        "named like DICOM but is not" in (work / "results/small/logs/P001/timeline.log").read_text()
    )
    assert (work / "results/small/status.tsv").read_text().count("P001\tfailed") == 1
    assert written(checkout.folder) == before


MODULE = """
config_of_study = {config!r}

rule all:
    input: "mine.txt", "results/small/subjects/P001/timeline.json"

module ricenet:
    snakefile: {snakefile!r}
    config: config_of_study
    {more}

use rule * from ricenet as ricenet_*

rule mine:
    output: "mine.txt"
    shell: "echo $PYTHONPATH > {{output}}"
"""


def importing(project: Project, folder: Path, more: str = "") -> Path:
    config = study(project)
    text = MODULE.format(config=config, snakefile=str(project.folder / "Snakefile"), more=more)
    (folder / "Snakefile").write_text(text)
    return folder


def test_the_workflow_is_a_module_of_another(checkout: Project, tmp_path: Path) -> None:
    folder = importing(checkout, tmp_path)
    shown = snakemake(folder, "ricenet_all", "-n", "--quiet=rules")
    assert job_counts(shown)["ricenet_train_model"] == 14 and "localrules" not in shown
    # without a target it is the other workflow's own; its rules keep their shell
    snakemake(folder, "--keep-going", status=1)
    assert str(checkout.folder / "src") in (folder / "mine.txt").read_text()
    (log,) = (folder / "results/small/logs").rglob("*.log")
    assert "named like DICOM but is not" in log.read_text()


def test_a_module_with_a_prefix_is_told_what_to_set(checkout: Project, tmp_path: Path) -> None:
    shown = snakemake(importing(checkout, tmp_path, 'prefix: "sub"'), "ricenet_all", "-n", status=1)
    assert "take prefix and replace_prefix out of the module statement and set results" in shown
    assert "results: sub/<results>" in shown


def test_single_rules_of_a_module_are_refused_with_the_other_way(
    checkout: Project, tmp_path: Path
) -> None:
    """Snakemake itself says "There is no rule named manifest" and no more."""
    path = importing(checkout, tmp_path) / "Snakefile"
    own = "use rule train_model from ricenet as ricenet_train_model with:\n    threads: 2\n"
    path.write_text(path.read_text() + own)
    shown = snakemake(tmp_path, "ricenet_all", "-n", status=1)
    assert "set by --set-threads and --set-resources" in shown
