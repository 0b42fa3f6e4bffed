"""board: each subject's state, as files and failure notes tell it."""

from __future__ import annotations

import json
import os
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
    rows = board.rows(tmp_path, ["P1", "P2", "P3", "P4", "P6"], {"P5": "withdrawn (CD)"}, {})
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
    assert board.subject_rows(tmp_path, "P1", ())[0]["state"] == "failed"
    assert board.failed_subjects(tmp_path, ["P1", "P2"], {}) == {"P1"}


def record(root: Path, name: str, *checks: dict, at: float = 2000.0) -> None:
    path = root / "subjects" / "P1" / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"step": "register", "checks": list(checks)}))
    os.utime(path, (at, at))


BAD = {"check": "left-right", "value": -0.2, "unit": "", "at_least": 0.06, "verdict": "fail"}
GOOD = {"check": "brain-overlap", "value": 0.97, "unit": "", "at_least": 0.9, "verdict": "pass"}


def test_a_failed_check_stands_on_the_board_before_the_gate_has_run(tmp_path: Path) -> None:
    record(tmp_path, "postop_to-event", GOOD, BAD)
    record(tmp_path, "overview", BAD)  # the gate does not read it
    (row,) = board.subject_rows(tmp_path, "P1", ())
    assert row["state"] == "held" and row["where"] == "register of postop_to-event"
    assert row["why"] == "postop_to-event/left-right is -0.2 (at least 0.06 expected)"
    assert "P1, postop_to-event/left-right, accept" in row["what_to_do"]
    assert board.failed_subjects(tmp_path, ["P1"], {}) == set()  # nothing has failed yet
    accepted = {"postop_to-event/left-right"}
    assert board.subject_rows(tmp_path, "P1", accepted)[0]["state"] == "unfinished"
    cache(tmp_path, "P1", at=3000.0)  # the gate has let it pass since
    assert board.subject_rows(tmp_path, "P1", ())[0]["state"] == "ready"
    unmade = BAD | {"verdict": "not made", "value": None, "reason": "no mask", "holds": False}
    record(tmp_path, "event_native", unmade, at=4000.0)
    assert board.subject_rows(tmp_path, "P1", ())[0]["state"] == "ready"
    record(tmp_path, "event_native", unmade | {"holds": True}, at=4000.0)
    (row,) = board.subject_rows(tmp_path, "P1", ())
    assert row["state"] == "held" and "event_native/left-right was not made: no mask" in row["why"]


def test_what_the_gate_has_said_is_said_once_and_stands_until_all_is_accepted(tmp_path) -> None:
    why = (
        "held back until a person decides: postop_to-event/left-right is -0.2 (at least 0.06 "
        "expected): turn, both/two | quality/same-image-twice is 1 pairs (at most 0 expected); look"
    )
    record(tmp_path, "postop_to-event", BAD)
    note(tmp_path, "P1", "quality", why)
    (row,) = board.subject_rows(tmp_path, "P1", ())
    assert row["state"] == "held" and "same-image-twice" in row["why"]
    one = {"postop_to-event/left-right"}
    assert board.failed_subjects(tmp_path, ["P1"], {"P1": one}) == {"P1"}
    both = {*one, "quality/same-image-twice"}
    assert board.failed_subjects(tmp_path, ["P1"], {"P1": both}) == set()
    (row,) = board.subject_rows(tmp_path, "P1", both)
    assert row["state"] == "unfinished" and "accepted" in row["why"]


def test_a_gate_that_died_has_held_nobody(tmp_path: Path) -> None:
    note(tmp_path, "P1", "quality", "its program did not begin; mend")
    path = tmp_path / "logs/P1/quality.failed.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"silent": True}))
    assert board.subject_rows(tmp_path, "P1", ())[0]["state"] == "failed"


def test_a_cohort_is_not_blamed_for_who_was_left_out(tmp_path: Path) -> None:
    (tmp_path / "cohorts" / "c1").mkdir(parents=True)
    note(tmp_path, "c1", "event_P9_predict_arrival", "no memory; more")
    assert len(board.rows(tmp_path, [], {}, {})) == 1
    assert [r["state"] for r in board.rows(tmp_path, [], {"P9": "left"}, {})] == ["excluded"]


def test_what_failed_for_the_cohort_is_listed(tmp_path: Path) -> None:
    (tmp_path / "cohorts" / "c1").mkdir(parents=True)
    note(tmp_path, "c1", "manifest", "twins: P1, P2; remove one")
    (row,) = board.rows(tmp_path, [], {}, {})
    assert (row["subject"], row["state"]) == ("c1", "failed")


def test_table_keeps_its_shape_whatever_a_message_holds(tmp_path: Path) -> None:
    note(tmp_path, "P1", "ingest_mri", "tab\there\nline; do\tthis")
    lines = board.as_tsv(board.rows(tmp_path, ["P1"], {}, {})).splitlines()
    assert len(lines) == 2 and all(line.count("\t") == 4 for line in lines)


def test_the_note_of_a_real_step_is_read(tmp_path: Path) -> None:
    with pytest.raises(ValueError), job(tmp_path):
        raise ValueError("the mask is odd; draw another")
    found = step.failure_note(tmp_path / "log.txt")
    target = tmp_path / "logs" / "P1" / "x.failed.json"
    target.parent.mkdir(parents=True)
    target.write_text(found.read_text())
    assert json.loads(target.read_text())["step"] == "zscore"
    assert board.subject_rows(tmp_path, "P1", ())[0]["what_to_do"] == "draw another"
