"""Nothing passes by being absent: a skip that the table does not hold fails the run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
PROGRAM = """
import pytest
def test_runs(): pass
def test_one(): pytest.skip("no GPU")
@pytest.mark.skipif(True, reason="{reason}")
def test_two(): pass
"""


def run(folder: Path, table: Path, workers: list[str]) -> subprocess.CompletedProcess:
    """Run the tests of a folder with this project's conftest and a table of allowed skips."""
    (folder / "conftest.py").write_text((TESTS / "conftest.py").read_text())
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *workers, "-p", "no:cacheprovider",
         "-o", f"pythonpath={TESTS / 'support'}", "--expected-skips", str(table), "."],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("workers", [[], ["-n", "1"]], ids=["alone", "side by side"])
@pytest.mark.parametrize(("reason", "status"), [("no GPU", 0), ("I could not be bothered", 1)])
def test_a_skip_for_another_reason_fails_the_run(
    tmp_path: Path, reason: str, status: int, workers: list[str]
) -> None:
    (tmp_path / "test_small.py").write_text(PROGRAM.format(reason=reason))
    table = tmp_path / "expected.tsv"
    table.write_text("test\treason\tinstead\ntest_small.py\tno GPU\ton a GPU\n")
    shown = run(tmp_path, table, workers)
    assert shown.returncode == status, shown.stdout + shown.stderr
    assert "of test_small.py: no GPU; run on a GPU" in shown.stdout
    assert ("not in" in shown.stdout) == bool(status)


@pytest.mark.parametrize("workers", [[], ["-n", "2"]], ids=["alone", "side by side"])
def test_a_file_that_is_skipped_as_a_whole_fails_the_run(
    tmp_path: Path, workers: list[str]
) -> None:
    (tmp_path / "test_small.py").write_text("def test_runs(): pass\n")
    whole = 'import pytest\npytest.skip("not today", allow_module_level=True)\n'
    (tmp_path / "test_absent.py").write_text(whole)
    table = tmp_path / "expected.tsv"
    for rows, status in (("", 1), ("test_absent.py\tnot today\ttomorrow\n", 0)):
        table.write_text(f"test\treason\tinstead\n{rows}")
        shown = run(tmp_path, table, workers)
        assert shown.returncode == status, shown.stdout + shown.stderr
        assert "1 of test_absent.py: not today" in shown.stdout


def test_every_reason_of_the_table_is_one_that_a_test_gives() -> None:
    sources = "".join(path.read_text() for path in TESTS.rglob("*.py"))
    rows = (TESTS / "expected_skips.tsv").read_text().splitlines()[1:]
    for row in rows:
        file, reason, instead = row.split("\t")
        assert f'"{reason}"' in sources and instead
        assert file == "*" or (TESTS / file).is_file()
