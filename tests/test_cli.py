"""cli: one program for people and rules, called as they call it."""

from __future__ import annotations

import ast
import importlib
import inspect
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ricenet import cli
from ricenet.provenance.steps import STEPS
from ricenet.study import run

ROOT = Path(__file__).parents[1]
FORMER = {
    ("scan",): "scan",
    ("yaml_limits",): "check",
    ("check_device",): "check-device",
    ("status",): "status",
    ("freeze_cohort",): "freeze",
    ("leftovers",): "leftovers",
    ("phantom",): "phantom",
    ("schemas",): "schemas",
    ("ingest_dose", "--explain"): "explain-dose",
    **{("audit", verb): verb for verb in ("verify", "why", "diff", "export")},
}


def ricenet(
    *words: str, module: str = "ricenet", folder: Path = ROOT
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", module, *words],
        cwd=folder, env=os.environ | {"PYTHONPATH": str(ROOT / "src")},
        capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("words", [(), ("--help",), ("help",)])
def test_the_help_lists_every_verb_with_a_line(words: tuple[str, ...]) -> None:
    shown = ricenet(*words)
    assert shown.returncode == 0
    for name, verb in cli.VERBS.items():
        assert re.search(rf"^  {name} +{re.escape(verb.summary)}$", shown.stdout, flags=re.M)
    assert set(STEPS) <= set(shown.stdout.split())
    assert max(map(len, shown.stdout.splitlines())) <= 100


def test_a_reader_who_has_seen_enough_sees_no_traceback() -> None:
    started = subprocess.Popen(
        [sys.executable, "-u", "-m", "ricenet", "--help"],
        cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT / "src")},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert started.stdout and started.stderr
    started.stdout.close()
    assert started.stderr.read() == b""
    started.stderr.close()
    started.wait()


def test_the_help_loads_nothing_large() -> None:
    program = "import sys; from ricenet import cli; cli.main(['--help']); print(*sys.modules)"
    shown = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout
    assert not {"numpy", "nibabel", "pandas", "torch", "snakemake"} & set(shown.split())


def test_an_unknown_word_is_an_error_with_the_help() -> None:
    shown = ricenet("frobnicate")
    assert shown.returncode == 1 and shown.stdout == ""
    assert shown.stderr.startswith("error: unknown command 'frobnicate'\n\nusage: ricenet <verb>")


def test_no_verb_is_a_step() -> None:
    assert not {verb.replace("-", "_") for verb in cli.VERBS} & set(STEPS)


@pytest.mark.parametrize("verb", sorted(set(cli.VERBS) - {"run"}))
def test_each_verb_helps_under_its_own_name(verb: str, capsys) -> None:
    with pytest.raises(SystemExit) as ended:
        importlib.import_module(cli.VERBS[verb].module).main(["--help"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith(f"usage: ricenet {verb} ")


@pytest.mark.parametrize("name", sorted(STEPS))
def test_each_step_calls_itself_as_the_rules_call_it(name: str) -> None:
    """The name in the records is that of the table."""
    text = inspect.getsource(importlib.import_module(STEPS[name].module))
    jobs = [
        call.args[0].value
        for call in ast.walk(ast.parse(text))
        if isinstance(call, ast.Call)
        and ast.unparse(call.func).endswith("Job")
        and call.args
        and isinstance(call.args[0], ast.Constant)
    ]
    assert jobs == [name]


def test_a_step_ends_as_a_program_does() -> None:
    shown = ricenet("zscore")
    assert shown.returncode == 2
    assert "usage: python -m ricenet zscore " in shown.stderr


@pytest.mark.parametrize(("words", "verb"), FORMER.items(), ids=lambda x: "-".join(x))
def test_former_commands_work_and_print_the_new_name(words: tuple[str, ...], verb: str) -> None:
    module, *rest = words
    shown = ricenet(*rest, "--help", module=f"ricenet.{module}")
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.startswith(f"usage: ricenet {verb} ")
    assert shown.stderr.startswith(f"python -m ricenet.{module}")
    assert shown.stderr.rstrip().endswith(f"is now: ricenet {verb}")


def test_run_calls_snakemake_with_the_profile_of_one_machine(monkeypatch) -> None:
    monkeypatch.delenv("SNAKEMAKE_PROFILE", raising=False)
    words, files = run.command(["preprocess", "--configfile", "a.yaml", "b.yaml", "-n"])
    assert words[1:] == [
        "-m", "snakemake", "preprocess", "-n", "--profile", run.PROFILE,
        "--configfile", "a.yaml", "b.yaml",
    ]  # fmt: skip
    assert files == [Path("a.yaml"), Path("b.yaml")]
    assert (ROOT / run.PROFILE / "config.yaml").is_file()
    monkeypatch.setenv("SNAKEMAKE_PROFILE", "workflow/profiles/slurm")
    assert "workflow/profiles/slurm" in run.command([])[0]
    assert "other" in run.command(["--profile", "other"])[0]


def test_run_refuses_what_would_run_code(tmp_path: Path) -> None:
    foreign = tmp_path / "theirs.yaml"
    foreign.write_text("__use_yte__: true\n?print('ran'): 1\n")
    shown = ricenet("run", "-n", "--configfile", str(foreign))
    assert shown.returncode == 2 and shown.stdout == ""
    assert shown.stderr == (
        "error: theirs.yaml: __use_yte__ makes Snakemake run code from this file; remove it\n"
    )


def test_run_and_plan_in_another_folder_take_the_workflow_of_the_checkout(tmp_path: Path) -> None:
    """What is named relative is looked for there; nothing is written into the checkout."""
    shown = ricenet("run", "-n", folder=tmp_path)
    assert shown.returncode == 0, shown.stderr
    assert (shown.stdout + shown.stderr).count("config/subjects.tsv has no rows") == 1
    shown = ricenet("plan", "predict", folder=tmp_path)
    assert shown.returncode == 0, shown.stderr
    assert shown.stderr.count("nothing to predict") == 1 and shown.stdout == "nothing would run\n"
    shown = ricenet("check", "mine.yaml", folder=tmp_path)
    assert shown.returncode == 2 and "mine.yaml" in shown.stderr


def test_check_of_a_sound_study_and_of_one_without_raw_data(tmp_path: Path) -> None:
    """Values are counted from the tables by hand."""
    (tmp_path / "raw").mkdir()
    for name in ("a0", "a1", "a2", "a3", "b0", "b1", "b2", "b3", "c0", "c2", "c3"):
        (tmp_path / "raw" / name).write_bytes(b"")
    labels = ["RICE", "recurrence", "RICE", "recurrence"]
    rows = [f"S{i}\t{labels[i]}\traw/a{i}\traw/c{i}\traw/b{i}" for i in range(4)]
    table = tmp_path / "subjects.tsv"
    table.write_text("\n".join(["subject\tlabel\tpostop\tevent\tdose", *rows]) + "\n")
    cohort = tmp_path / "c1.tsv"
    cohort.write_text(
        "subject\tsplit\tfold\n" + "".join(f"S{i}\ttrain\t{i // 2}\n" for i in range(4))
    )
    overrides = tmp_path / "overrides.tsv"
    overrides.write_text("subject\tcheck\tdecision\twho\twhy\n")
    settings = tmp_path / "study.yaml"
    settings.write_text(
        f"study: four\nsubjects: {table}\ncohort: {cohort}\noverrides: {overrides}\n"
    )
    shown = ricenet("check", str(settings))
    assert shown.returncode == 1, shown.stderr
    assert "subjects   4: " in shown.stdout and "2 folds" in shown.stdout
    assert "7 input combinations x 2 folds = 14" in shown.stdout
    assert "warning: subject S1: the path in column 'event'" in shown.stdout
    (tmp_path / "raw" / "c1").write_bytes(b"")
    shown = ricenet("check", "--configfile", str(settings))
    assert shown.returncode == 0 and shown.stdout.endswith("no problems found\n")
    cohort.write_text(cohort.read_text().replace("S3", "S7"))
    shown = ricenet("check", str(settings))
    assert shown.returncode == 2 and shown.stderr.startswith("error: ")
    assert "S7" in shown.stderr
