"""board: each subject's state, as files and failure notes tell it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from boards import cache, note
from jobs import job
from ricenet import step
from ricenet.study import board


def test_every_state_once_and_in_the_order_of_attention(tmp_path: Path) -> None:
    cache(tmp_path, "P1")
    note(tmp_path, "P2", "ingest_mri", "two slices; give the series")
    note(tmp_path, "P3", "quality", "held back: a is 1; write a row")
    cache(tmp_path, "P6")
    note(tmp_path, "P6", "ingest_dose", "old; trouble", at=500.0)  # mended since
    rows = board.rows(tmp_path, ["P1", "P2", "P3", "P4", "P6"], {"P5": "withdrawn (CD)"})
    states = [(row["subject"], row["state"]) for row in rows]
    assert states == [
        ("P2", "failed"),
        ("P3", "held"),
        ("P4", "unfinished"),
        ("P5", "excluded"),
        ("P1", "ready"),
        ("P6", "ready"),
    ]
    assert rows[0]["why"] == "two slices" and rows[0]["what_to_do"] == "give the series"
    assert rows[0]["where"] == "ingest_mri of event_native"
    assert board.counts(rows) == {
        "failed": 1, "held": 1, "unfinished": 1, "excluded": 1, "ready": 2,
    }  # fmt: skip


def test_a_failure_after_the_cache_was_made_counts(tmp_path: Path) -> None:
    cache(tmp_path, "P1", at=1000.0)
    note(tmp_path, "P1", "ingest_mri", "truncated; copy again", at=2000.0)
    assert board.subject_rows(tmp_path, "P1")[0]["state"] == "failed"
    assert board.failed_subjects(tmp_path, ["P1", "P2"]) == {"P1"}


def test_what_failed_for_the_cohort_is_listed(tmp_path: Path) -> None:
    (tmp_path / "cohorts" / "c1").mkdir(parents=True)
    note(tmp_path, "c1", "manifest", "twins: P1, P2; remove one")
    (row,) = board.rows(tmp_path, [], {})
    assert (row["subject"], row["state"]) == ("c1", "failed")


def test_table_keeps_its_shape_whatever_a_message_holds(tmp_path: Path) -> None:
    note(tmp_path, "P1", "ingest_mri", "tab\there\nline; do\tthis")
    lines = board.as_tsv(board.rows(tmp_path, ["P1"], {})).splitlines()
    assert len(lines) == 2 and all(line.count("\t") == 4 for line in lines)


def test_the_note_of_a_real_step_is_read(tmp_path: Path) -> None:
    with pytest.raises(ValueError), job(tmp_path):
        raise ValueError("the mask is odd; draw another")
    found = step.failure_note(tmp_path / "log.txt")
    target = tmp_path / "logs" / "P1" / "x.failed.json"
    target.parent.mkdir(parents=True)
    target.write_text(found.read_text())
    assert json.loads(target.read_text())["step"] == "zscore"
    assert board.subject_rows(tmp_path, "P1")[0]["what_to_do"] == "draw another"
