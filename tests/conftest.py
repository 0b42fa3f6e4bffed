"""What many tests look at and none changes, made once a session."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from finished_study import Finished
from ricenet.phantom.files import make_subject
from skips import Allowed, unexpected

SKIPPED: Counter[tuple[str, str]] = Counter()
# Files that take half a minute or more: begun first, so that no worker is left with one at the end.
LONGEST = (
    "workflow/test_rules.py", "networks/test_layer_errors.py",
    "preprocess/test_registration_gates.py",
    "train/test_gradient_gate.py", "preprocess/test_register.py",
    "train/test_fit_to_device.py", "preprocess/test_brain_mask.py", "workflow/test_decisions.py",
    "workflow/test_planning.py", "workflow/test_installation.py", "workflow/test_readme.py",
)  # fmt: skip


def pytest_addoption(parser: pytest.Parser) -> None:
    """With the list, a test that is skipped for any other reason fails the run."""
    parser.addoption("--expected-skips", type=Path, metavar="FILE", help="table of allowed skips")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first; ``--no-loadscope-reorder`` keeps this order."""
    tests = Path(__file__).parent
    place = {tests / name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get(item.path, len(LONGEST)))


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


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """A folder that the first worker of a run fills, for all of them."""
    base = factory.getbasetemp()
    base = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder, done = base / name, base / f"{name}.done"
    with (base / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            make(folder)
            done.touch()
    return folder


@pytest.fixture(scope="session")
def phantom(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with the DICOM series and the truth of one patient, made on a 2 mm grid."""

    def make(folder: Path) -> None:
        make_subject(folder, 0, seed=3, canvas_mm=2.0, scale=1.0, nifti=False)

    return made_once(tmp_path_factory, "phantom-head", make) / "P001"


@pytest.fixture(scope="session")
def small_study(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """A finished study of five tiny patients: half a minute. Copy it before you change it."""

    def make(folder: Path) -> None:
        study = Finished(folder)
        study.write_tables()
        study.finish()

    return Finished(made_once(tmp_path_factory, "small-study", make))
