"""What many tests look at and none changes, made once a session."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest

from finished_study import Finished
from ricenet.phantom.files import make_subject
from skips import Allowed, unexpected

SKIPPED: Counter[tuple[str, str]] = Counter()


def pytest_addoption(parser: pytest.Parser) -> None:
    """With the list, a test that is skipped for any other reason fails the run."""
    parser.addoption("--expected-skips", type=Path, metavar="FILE", help="table of allowed skips")


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Note what is skipped, and why."""
    if report.skipped and isinstance(report.longrepr, tuple):
        reason = str(report.longrepr[2]).removeprefix("Skipped: ")
        SKIPPED[report.nodeid.split("::")[0], reason] += 1


def pytest_collectreport(report: pytest.CollectReport) -> None:
    """Note a file that is skipped as a whole; of several workers each says so."""
    if report.skipped and isinstance(report.longrepr, tuple):
        reason = str(report.longrepr[2]).removeprefix("Skipped: ")
        SKIPPED[report.nodeid, reason] = 1


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail a run in which something passed by being absent."""
    table = session.config.getoption("--expected-skips")
    if table and not hasattr(session.config, "workerinput") and unexpected(SKIPPED, Allowed(table)):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print each reason, and where such tests are run instead."""
    table = terminalreporter.config.getoption("--expected-skips")
    if not table:
        return
    allowed = Allowed(table)
    for (file, reason), count in sorted(SKIPPED.items()):
        instead = allowed.instead(file, reason)
        line = f"{count} of {file}: {reason}; run {instead}" if instead else (
            f"{count} of {file}: {reason}: not in {table}, so this run has failed"
        )  # fmt: skip
        terminalreporter.write_line(f"not run here: {line}", red=instead is None)


@pytest.fixture(scope="session", autouse=True)
def verdicts_of_this_session(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Verdicts on the machine's kernels are found out anew, here and in programs that tests run."""
    os.environ["XDG_CACHE_HOME"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session")
def phantom(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with the DICOM series and the truth of one patient, made on a 2 mm grid."""
    folder = tmp_path_factory.mktemp("phantom-head")
    return make_subject(folder, 0, seed=3, canvas_mm=2.0, scale=1.0, nifti=False)


@pytest.fixture(scope="session")
def small_study(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """A finished study of five tiny patients: half a minute. Copy it before you change it."""
    study = Finished(tmp_path_factory.mktemp("small-study"))
    study.write_tables()
    study.finish()
    return study
