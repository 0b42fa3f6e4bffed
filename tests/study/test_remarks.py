"""remarks: a ready subject with checks that were not made never looks like plain ready."""

from __future__ import annotations

import json
from pathlib import Path

from ricenet.report import page, status
from ricenet.study import remarks


def test_remarks_of_a_ready_subject(tmp_path: Path) -> None:
    quality = tmp_path / "subjects" / "P1" / "quality.json"
    quality.parent.mkdir(parents=True)
    quality.write_text(json.dumps({"facts": {"not_made": ["timeline/one-patient"]}}))
    manifest = tmp_path / "cohorts" / "c1" / "manifest.json"
    manifest.parent.mkdir(parents=True)
    found = {"median_gy": 61.2, "subjects": {"P2": {"near_maximum_gy": 2.1, "z": -40.0}}}
    manifest.write_text(json.dumps({"facts": {"dose_outliers": {"dose": found}}}))
    states = {"P1": "ready", "P2": "ready", "P3": "held"}
    board = [
        {"subject": s, "state": state, "where": "", "why": "as it was", "what_to_do": ""}
        for s, state in states.items()
    ]
    rows = remarks.added(tmp_path, board)
    assert [row["why"] for row in rows] == [
        "not made: timeline/one-patient",
        "dose unlike the others of c1: near-maximum 2.1 Gy, median 61.2 Gy",
        "as it was",
    ]
    assert "ready, with remarks" in status.as_text(rows)
    shown = page.render("board.html.j2", {
        "board": rows, "states": {}, "pictures": set(), "link_start": "", "link_end": "",
    })  # fmt: skip
    assert "timeline/one-patient" in shown and "2.1 Gy" in shown
