from pathlib import Path

import pytest
import yaml

from ricenet.config import settings_files

ROOT = Path(__file__).parents[2]


def test_later_files_win_key_by_key(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config").mkdir()
    (tmp_path / "config/config.yaml").write_text("a: 1\nb: {c: 2, d: 3}\nl: [1, 2]\n")
    (tmp_path / "own.yaml").write_text("b: {c: 4}\nl: [5]\n")
    (tmp_path / "empty.yaml").write_text("# nothing\n")
    found = settings_files.merged([Path("own.yaml"), Path("empty.yaml")])
    own = {"a": 1, "b": {"c": 4, "d": 3}, "l": [5]}
    assert {key: found[key] for key in own} == own
    with pytest.raises(ValueError, match=r"gone\.yaml: no such settings file"):
        settings_files.merged([Path("gone.yaml")])


def test_what_no_file_sets_comes_from_the_checkout(tmp_path: Path, monkeypatch) -> None:
    """A table that is named is never replaced: decisions would be lost without a word."""
    monkeypatch.chdir(tmp_path)
    found = settings_files.completed({"overrides": "config/overrides.tsv", "crop": {"shape": [9]}})
    shipped = yaml.safe_load((ROOT / "config/config.yaml").read_text())
    assert found["overrides"] == "config/overrides.tsv"
    assert found["accepted_code"] == str(ROOT / "config/accepted-code.tsv")
    assert found["register"] == shipped["register"] and found["crop"]["shape"] == [9]
    (tmp_path / "config").mkdir()
    (tmp_path / "config/accepted-code.tsv").write_text("")
    assert settings_files.completed({})["accepted_code"] == "config/accepted-code.tsv"
