"""planned: a job runs the code that was planned, or says that it does not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from jobs import job
from ricenet.provenance import planned, steps


def test_a_job_of_other_code_is_refused_before_it_works_and_leaves_a_note(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = {"zscore": "0" * 16, "crop": steps.code_hash("crop")}
    monkeypatch.setenv(planned.VARIABLE, planned.as_text(other))
    with pytest.raises(ValueError, match="other code of zscore"), job(tmp_path):
        raise AssertionError("it has begun to work")
    note = json.loads((tmp_path / "log.failed.json").read_text())
    assert "0" * 16 in note["why"] and note["why"].endswith("; start the same command again")
    assert len(note["why"]) < 400


@pytest.mark.parametrize("step", ["zscore", "crop"])
def test_a_job_as_planned_or_called_by_hand_works(
    step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digests = {step: steps.code_hash(step)}  # of another step, too: only its own counts
    monkeypatch.setenv(planned.VARIABLE, planned.as_text(digests))
    with pytest.raises(RuntimeError, match="without writing"), job(tmp_path):
        pass
    monkeypatch.delenv(planned.VARIABLE)
    with pytest.raises(RuntimeError, match="without writing"), job(tmp_path):
        pass
