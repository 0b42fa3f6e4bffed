from pathlib import Path

from ricenet.study.predict_files import as_source, moved


def test_same_file_under_another_name(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "results").mkdir()
    (tmp_path / "results/m").write_text("m")
    for name in ("results/m", str(tmp_path / "results/m")):
        assert as_source(name) != name and Path(as_source(name)).read_text() == "m"


def test_only_files_below_the_folder_move() -> None:
    def models(w):
        return []

    files = [("map", "a/b/x.nii"), ("all", ["a/b/y", "c/z"]), ("models", models), (None, "w")]
    assert moved(files, "a/b", "n") == {"map": "n/x.nii", "all": ["n/y", "c/z"], "models": models}
