from pathlib import Path

from ricenet.study.predict_files import as_source


def test_same_file_under_another_name(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "results").mkdir()
    (tmp_path / "results/m").write_text("m")
    for name in ("results/m", str(tmp_path / "results/m")):
        assert as_source(name) != name and Path(as_source(name)).read_text() == "m"
