"""status: terminal, table and page say the same, and what they say is never run."""

from __future__ import annotations

from pathlib import Path

import yaml

from boards import cache, note
from ricenet.report import status
from ricenet.study import board
from studies import make


def test_terminal_table_and_page_show_the_same_board(tmp_path: Path, capsys, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    study = make(tmp_path, results=str(tmp_path / "results"))
    root = Path(study.root)
    cache(root, "P1")
    note(root, "P2", "ingest_mri", "<script>two</script> slices; give the series")
    picture = root / "subjects/P2/overview.png"
    picture.parent.mkdir(parents=True)
    picture.write_bytes(b"png")
    status.show(study)
    shown, page = capsys.readouterr().err, (root / "status.html").read_text()
    rows = board.rows(root, study.subjects.index, {}, {})
    assert (root / "status.tsv").read_text() == board.as_tsv(rows)
    for part in ("1 failed", "3 unfinished", "1 ready", "give the series"):
        assert part in shown and part in page
    assert "<script>" in shown and "<script>" not in page and "&lt;script&gt;two" in page
    assert 'href="subjects/P2/overview.png"' in page and 'href="subjects/P3' not in page


def test_the_page_says_that_patients_are_synthetic(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    for synthetic in (False, True):
        report = {"title": "Mine", "statements": None, "synthetic": synthetic}
        study = make(tmp_path, results=str(tmp_path / "results"), report=report)
        status.show(study)
        page = (Path(study.root) / "status.html").read_text()
        assert ("Synthetic patients, made by a program" in page) == synthetic


def test_ready_subjects_need_no_line(tmp_path: Path) -> None:
    cache(tmp_path, "P1")
    text = status.as_text(board.rows(tmp_path, ["P1"], {}, {}))
    assert text == "subjects: 1 ready"


def test_program_shows_the_board_of_merged_settings(tmp_path: Path, capsys, monkeypatch) -> None:
    study = make(tmp_path, results=str(tmp_path / "results"))
    values = study.config.model_dump(mode="json", by_alias=True)
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "config.yaml").write_text(yaml.safe_dump(values))
    (tmp_path / "mine.yaml").write_text("study: mine\nreport:\n  title: Mine\n")
    monkeypatch.chdir(tmp_path)
    status.main(["mine.yaml"])
    assert "subjects: 5 unfinished" in capsys.readouterr().err
    assert "<title>Mine: status" in (tmp_path / "results" / "mine" / "status.html").read_text()
