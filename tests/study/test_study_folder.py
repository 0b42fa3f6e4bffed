"""study_folder: files on the disk by their kind, and the way back from a file to its study."""

from pathlib import Path

import pytest

from layout_names import NAMES
from ricenet.step import failure_note
from ricenet.study import layout, study_folder


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    """A study with a file of each kind, and others beside them."""
    root = tmp_path_factory.mktemp("study") / "results" / "a"
    others = ["subjects/P-01/x.json", "subjects/P_2/quality.tsv", "cohorts/note.txt", "caches/x"]
    for path in [*(layout.path(kind, **NAMES) for kind in layout.FILES), *others]:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text("")
    return root


def test_files_of_a_kind_are_found_by_all_names_or_none(root):
    for kind in layout.FILES:
        path = root / layout.path(kind, **NAMES)
        named = layout.parse(path.relative_to(root).as_posix()).names
        assert list(study_folder.existing(root, kind)) == [(path, named)]
        assert list(study_folder.existing(root, kind, **named)) == [(path, named)]
        assert study_folder.root_of(path, kind) == root.resolve()
        assert study_folder.study_of(path) == root


def test_files_of_a_subject(root):
    kinds = {place.kind for _, place in study_folder.of_subject(root, "P-01")}
    assert kinds == {k for k, t in layout.FILES.items() if t.startswith("subjects/")}


def test_names_of_subjects_and_cohorts(root):
    assert study_folder.subjects(root) == {"P-01", "P_2"}
    assert study_folder.cohorts(root) == ["main-1"]


def test_the_note_of_a_failure_lies_beside_its_log(root):
    log = root / layout.path("crop_log", subject="P-01")
    note = root / layout.path("crop_failure", subject="P-01")
    assert failure_note(log) == note and note in study_folder.failures(root, "P-01")
    assert {failure_note(Path(layout.path(f"{rule}_log"))) for rule in layout.job_files.JOBS} == {
        Path(layout.path(f"{rule}_failure")) for rule in layout.job_files.JOBS
    }


def test_a_file_outside_a_study_has_none(tmp_path):
    with pytest.raises(ValueError, match=r"x\.tsv does not lie in a study's folder"):
        study_folder.study_of(tmp_path / "x.tsv")
