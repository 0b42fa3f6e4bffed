"""One synthetic patient for all slow tests of single steps: ten seconds, once a session."""

from __future__ import annotations

from pathlib import Path

import pytest

from ricenet.phantom.files import make_subject


@pytest.fixture(scope="session")
def phantom(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with the DICOM series and the truth of one patient, made on a 2 mm grid."""
    folder = tmp_path_factory.mktemp("phantom-head")
    return make_subject(folder, 0, seed=3, canvas_mm=2.0, scale=1.0, nifti=False)
