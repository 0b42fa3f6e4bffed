"""silent_ends: a note for a job that could not say why it ended, from what Snakemake logs.

Whether Snakemake logs so is seen in tests/workflow/test_installation.py, where it runs.
"""

from __future__ import annotations

import json
import logging
import os
import time
from pathlib import Path

import pytest

from ricenet.study.silent_ends import ENDED, NOT_BEGUN, SilentEnds

COMMAND = "python -m ricenet register --moving a --record b"


def told(root: Path, name: str) -> dict:
    """A job as an event tells of it."""
    return {
        "event": "job_error", "rule_name": "ricenet_register", "shellcmd": COMMAND,
        "log": [str(root / f"logs/P1/{name}.log")], "indent": False,
        "output": [str(root / f"subjects/P1/{name}.tfm"), str(root / f"subjects/P1/{name}.json")],
    }  # fmt: skip


def emit(handler: SilentEnds, event: dict) -> None:
    handler.emit(logging.makeLogRecord({"levelno": logging.ERROR, **event}))


def write(path: Path, text: str, *, age_s: float = 0.0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    os.utime(path, (time.time() - age_s + 1, time.time() - age_s + 1))
    return path


def test_what_never_began_and_what_was_killed_are_told_apart(tmp_path: Path) -> None:
    handler = SilentEnds(tmp_path / "logs")
    note = tmp_path / "logs/P1/a.failed.json"
    write(note, '{"why": "of an earlier run"}', age_s=1000)
    write(tmp_path / "logs/P1/a.log", "of an earlier run", age_s=1000)
    emit(handler, told(tmp_path, "a"))
    expected = {"step": "register", "place": "P1/a", "why": NOT_BEGUN, "silent": True}
    assert json.loads(note.read_text()) == expected
    note.unlink()
    write(tmp_path / "logs/P1/a.log", "")  # the step empties it when it starts
    emit(handler, told(tmp_path, "a"))
    assert json.loads(note.read_text()) == expected | {"why": ENDED}


@pytest.mark.parametrize("text", [NOT_BEGUN, ENDED])
def test_messages_are_short_and_end_with_the_remedy(text: str) -> None:
    why, _, remedy = text.rpartition("; ")
    assert why and "start again" in remedy and len(text) < 400


def test_what_the_step_itself_has_said_stays(tmp_path: Path) -> None:
    handler = SilentEnds(tmp_path / "logs")
    note = write(tmp_path / "logs/P1/a.failed.json", '{"why": "two slices"}')
    emit(handler, told(tmp_path, "a"))
    emit(handler, told(tmp_path.parent, "b"))  # of another workflow
    refused = "[P1/c register] error: job 7 on host x is writing this result already"
    write(tmp_path / "logs/P1/c.log", refused)  # the note, if any, is that of the other job
    emit(handler, told(tmp_path, "c"))
    emit(handler, {"event": "run_info"})
    assert note.read_text() == '{"why": "two slices"}'
    assert [path.name for path in (tmp_path / "logs").rglob("*.json")] == ["a.failed.json"]


def test_of_a_group_the_one_that_began_and_made_nothing_is_named(tmp_path: Path) -> None:
    handler = SilentEnds(tmp_path / "logs")
    group = {"event": "group_error", "job_error_info": [told(tmp_path, n) for n in "abc"]}
    write(tmp_path / "logs/P1/a.log", "")
    write(tmp_path / "subjects/P1/a.json", "{}")
    write(tmp_path / "logs/P1/c.log", "")
    emit(handler, group)
    for job in group["job_error_info"]:
        emit(handler, job | {"indent": True})  # as Snakemake repeats them
    (note,) = (tmp_path / "logs").rglob("*.failed.json")
    assert note.name == "c.failed.json" and json.loads(note.read_text())["why"] == ENDED
