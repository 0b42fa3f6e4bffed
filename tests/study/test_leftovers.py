"""leftovers: everything of who is gone is found and removed, and nothing else is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ricenet.study import leftovers

FILES = [
    "subjects/{s}/event_native.nii.gz", "subjects/{s}/event_native.json",
    "subjects/{s}/overview.png", "caches/{s}.npy", "caches/{s}.json", "caches/.4242.{s}.npy",
    "logs/{s}/crop.log",
    "logs/{s}/crop.failed.json", "benchmarks/{s}/crop.tsv",
    "cohorts/c1/postop-event/occlusion/{s}.nii.gz", "cohorts/c1/postop-event/occlusion/{s}.png",
    "cohorts/c1/postop-event/occlusion/{s}_picture.json",
    "cohorts/c1/postop-event/occlusion/{s}_native.nii.gz",
    "cohorts/c1/predictions/{s}/prediction.json", "cohorts/c1/predictions/{s}/event.tsv",
    "logs/c1/postop-event_{s}_occlusion_map.log",
    "benchmarks/c1/postop-event_{s}_occlusion_map.tsv",
]  # fmt: skip


def trained_on(training: list[str], validation: list[str]) -> str:
    lists = {"training_subjects": training, "validation_subjects": validation}
    return json.dumps({"facts": {key: dict.fromkeys(s, "digest") for key, s in lists.items()}})


# P1 is gone; ids that hold its letters are not
THERE = ("P10", "P1-b", "P2")
STUDY = {
    "cohorts/c1/manifest.tsv": "subject\tcache\nP1\t../../caches/P1.npy\nP10\tx\n",
    "cohorts/c1/manifest.json": '{"inputs": {"caches": [{"path": "../../caches/P1.npy"}]}}',
    "cohorts/c1/postop-event/fold-0/predictions.tsv": "fold\tsubject\n0\tP1\n0\tP10\n",
    "cohorts/c1/postop-event/fold-0/model.safetensors": "P1",
    "cohorts/c1/postop-event/fold-0/model.json": trained_on(["P1", "P10"], ["P2"]),
    "cohorts/c1/postop-event/fold-1/model.json": trained_on(["P2"], ["P10"]),
    "cohorts/c1/report/index.html": '<article id="subject-P1"><h3>P1</h3><h3>P10</h3>\n',
    "audit/records.tsv": "record\tsubject\nx\tP1\nx\tP1\nx\tP1-b\n",
    "status.tsv": "subject\tstate\nP1\tready\n",
    "logs/audit.log": "12 records\n",
}  # fmt: skip


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "results" / "rice-net"
    texts = {f.format(s=s): s for s in ("P1", *THERE) for f in FILES} | STUDY
    for name, text in texts.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_everything_of_the_gone_subject_is_listed(root: Path) -> None:
    found = leftovers.find(root, THERE)
    assert list(found.files) == ["P1"]
    assert sorted(map(str, found.files["P1"])) == sorted(f.format(s="P1") for f in FILES)
    assert {str(p): s for p, s in found.models.items()} == {
        "cohorts/c1/postop-event/fold-0/model.json": ["P1"]
    }
    assert {str(p): n for p, n in found.named.items()} == {
        "cohorts/c1/manifest.tsv": {"P1": 1},
        "cohorts/c1/manifest.json": {"P1": 1},
        "cohorts/c1/postop-event/fold-0/predictions.tsv": {"P1": 1},
        "cohorts/c1/postop-event/fold-0/model.json": {"P1": 1},
        "cohorts/c1/report/index.html": {"P1": 1},
        "audit/records.tsv": {"P1": 2},
        "status.tsv": {"P1": 1},
    }
    said = leftovers.as_text(root, found)
    assert "P1: 17 files" in said and "--delete P1" in said and "fold-0: P1" in said
    assert "P10" not in said and "P1-b" not in said


def test_nobody_is_gone(root: Path) -> None:
    found = leftovers.find(root, ("P1", *THERE))
    assert found == ({}, {}, {}, [])
    assert leftovers.as_text(root, found).startswith("nothing is left")


def test_a_subject_without_files_is_found_by_its_models(root: Path) -> None:
    leftovers.delete(root, leftovers.find(root, THERE).files["P1"])
    found = leftovers.find(root, THERE)
    assert (
        found.files == {"P1": []}
        and found.models
        and "--delete" not in leftovers.as_text(root, found)
    )


def content(folder: Path) -> dict[str, str]:
    return {str(p.relative_to(folder)): p.read_text() for p in folder.rglob("*") if p.is_file()}


def test_deletion_removes_these_files_and_their_empty_folders_only(root: Path) -> None:
    before = content(root)
    removed = leftovers.delete(root, leftovers.find(root, THERE).files["P1"])
    mine = {f.format(s="P1") for f in FILES}
    assert set(map(str, removed)) == mine
    assert content(root) == {name: text for name, text in before.items() if name not in mine}
    assert not (root / "subjects/P1").exists() and not (root / "cohorts/c1/predictions/P1").exists()
    for folder in ("subjects", "caches", "logs", "cohorts/c1/postop-event/occlusion"):
        assert (root / folder).is_dir()


def test_links_are_removed_and_never_followed(root: Path, tmp_path: Path) -> None:
    outside = tmp_path / "archive"
    (outside / "P1").mkdir(parents=True)
    (outside / "P1" / "keep.txt").write_text("keep")
    (root / "subjects/P1/raw").symlink_to(outside / "P1")
    (root / "caches/P1.npy").unlink()
    (root / "caches/P1.npy").symlink_to(outside / "P1" / "keep.txt")
    leftovers.delete(root, leftovers.find(root, THERE).files["P1"])
    assert content(outside) == {"P1/keep.txt": "keep"}
    assert not (root / "subjects/P1").exists() and not (root / "caches/P1.npy").is_symlink()


def test_a_folder_that_is_a_link_is_left_alone(root: Path, tmp_path: Path) -> None:
    outside = tmp_path / "big-disk"
    (root / "subjects").rename(outside)
    (root / "subjects").symlink_to(outside)
    before = content(outside)
    found = leftovers.find(root, THERE)
    assert found.links == [Path("subjects")]
    assert "not looked into, as it is a link: subjects" in leftovers.as_text(root, found)
    leftovers.delete(root, found.files["P1"])
    assert content(outside) == before
    with pytest.raises(ValueError, match="a link leads out"):
        leftovers.delete(root, [Path("subjects/P1/overview.png")])
    with pytest.raises(ValueError, match="a link leads out"):
        leftovers.delete(root, [Path("../rice-net-2/x")])
    assert content(outside) == before


def test_study_behind_a_link_works(root: Path, tmp_path: Path) -> None:
    (tmp_path / "other").symlink_to(root)
    leftovers.delete(tmp_path / "other", leftovers.find(tmp_path / "other", THERE).files["P1"])
    assert not (root / "subjects/P1").exists() and (root / "subjects/P2").exists()


@pytest.fixture
def place(root: Path, monkeypatch) -> Path:
    """Working folder whose subjects table names those who are there."""
    folder = root.parents[1]
    monkeypatch.chdir(folder)
    (folder / "config").mkdir()
    shipped = Path(__file__).parents[2] / "config" / "config.yaml"
    (folder / "config/config.yaml").write_text(shipped.read_text())
    rows = [f"{s}\tRICE\ta\tb\tc" for s in THERE]
    header = "subject\tlabel\tpostop\tevent\tdose"
    (folder / "config/subjects.tsv").write_text("\n".join([header, *rows]) + "\n")
    return folder


def test_program_lists_then_removes_whom_it_is_told(place: Path, root: Path, capsys) -> None:
    before = content(root)
    leftovers.main([])
    assert "P1: 17 files" in capsys.readouterr().out and content(root) == before
    leftovers.main(["--delete", "P1"])
    said = capsys.readouterr().out
    assert "removed subjects/P1/overview.png" in said and "P1: 17 files removed" in said
    assert not (root / "subjects/P1").exists()


def test_a_subject_of_the_table_is_not_deleted(place: Path, root: Path) -> None:
    before = content(root)
    with pytest.raises(SystemExit, match=r"\['P2'\] are in the subjects table"):
        leftovers.main(["--delete", "P1", "P2"])
    assert content(root) == before
