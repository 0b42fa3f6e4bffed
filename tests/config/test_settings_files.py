from pathlib import Path

import pytest

from ricenet.config import settings_files


def test_later_files_win_key_by_key(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config").mkdir()
    (tmp_path / "config/config.yaml").write_text("a: 1\nb: {c: 2, d: 3}\nl: [1, 2]\n")
    (tmp_path / "own.yaml").write_text("b: {c: 4}\nl: [5]\n")
    (tmp_path / "empty.yaml").write_text("# nothing\n")
    found = settings_files.merged([Path("own.yaml"), Path("empty.yaml")])
    assert found == {"a": 1, "b": {"c": 4, "d": 3}, "l": [5]}
    with pytest.raises(ValueError, match=r"gone\.yaml: no such settings file"):
        settings_files.merged([Path("gone.yaml")])
