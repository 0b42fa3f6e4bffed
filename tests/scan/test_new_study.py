"""new_study: the folder that it writes is a study that plans, and slips leave nothing behind."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from raw_exports import patient, write_nested
from ricenet.scan.new_study import main
from ricenet.study import preflight


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("work", "empty"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "work")


def test_of_an_export_it_is_a_study_that_plans(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    write_nested(tmp_path / "export", [patient(tmp_path / "scratch", number) for number in (0, 1)])
    listed = tmp_path / "list.csv"
    listed.write_text("patient_id,label\nCANARY-ID-0,RICE\nCANARY-ID-1,recurrence\n")
    (tmp_path / "locked").mkdir()
    options = ["--raw", str(tmp_path / "export"), "--labels", str(listed), "--machine", "slurm",
               "--key", str(tmp_path / "locked/key.tsv")]  # fmt: skip
    assert main(["mine", *options]) == 0
    shown = capsys.readouterr().out
    assert "--profile workflow/profiles/slurm" in shown and "CANARY" not in shown
    assert preflight.main(["mine/config.yaml"]) == 0
    assert "2: 1 recurrence, 1 RICE" in capsys.readouterr().out
    assert (tmp_path / "locked/key.tsv").exists()
    assert main(["mine", *options]) == 1
    assert "exists already" in capsys.readouterr().err


def test_questions_at_a_terminal_take_an_answer_or_the_default(tmp_path: Path) -> None:
    terminal, other = pty.openpty()
    command = [sys.executable, "-m", "ricenet", "new", "asked", "--results", "elsewhere"]
    with subprocess.Popen(command, stdin=other, stdout=subprocess.PIPE, text=True) as process:
        os.write(terminal, b"\nsequences\n\n\n")  # raw, channels, cohort, machine
        said, _ = process.communicate(timeout=60)
    os.close(terminal), os.close(other)
    assert (
        process.returncode == 0 and said.count("[this]") == 1 and "elsewhere/asked/subjects" in said
    )
    values = yaml.safe_load(Path("asked/config.yaml").read_text())
    assert values["results"] == "elsewhere" and values["reference"] == "t1ce"
    assert preflight.main(["asked/config.yaml"]) == 1  # the table has no rows yet


def test_tables_that_are_there_stay_where_they_are(tmp_path: Path) -> None:
    table, cohort = tmp_path / "s.tsv", tmp_path / "folds.tsv"
    table.write_text("subject\tlabel\tpostop\tevent\tdose\n")
    cohort.write_text("subject\tsplit\tfold\n")
    assert main(["mine", "--raw", str(table), "--cohort", str(cohort)]) == 0
    values = yaml.safe_load(Path("mine/config.yaml").read_text())
    assert (values["subjects"], values["cohort"]) == (str(table), str(cohort))
    assert {path.name for path in Path("mine").iterdir()} == {"config.yaml", "overrides.tsv"}


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["my_study"], "letters, digits and '-'"),
        (["mine", "--raw", "nowhere"], "no such file or folder"),
        (["mine", "--raw", ".", "--channels", "sequences"], "leave --raw empty"),
        (["mine", "--raw", "../empty", "--key", "nowhere/key.tsv"], "--key"),
    ],
)
def test_a_slip_leaves_nothing_behind(
    argv: list[str], message: str, capsys: pytest.CaptureFixture
) -> None:
    assert main(argv) == 1
    assert message in capsys.readouterr().err and not list(Path().iterdir())
