"""What many tests look at and none changes, made once a session."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from finished_study import Finished
from ricenet.phantom.files import make_subject


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
