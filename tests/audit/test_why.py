"""why tells how a file came to be, in order, and what was decided on the way."""

from __future__ import annotations

from pathlib import Path

import pytest

from finished_study import Finished
from ricenet.audit import records, why


def test_lineage_is_in_order_and_complete(small_study: Finished) -> None:
    study = records.read(small_study.root)
    names = [r.name for r in why.lineage(study, "caches/S1.npy")]
    assert names[-1] == "caches/S1.json" and len(set(names)) == len(names)
    # every record of the subject but its picture and its features; nothing of another
    aside = ("overview", "probe-features")
    own = {
        n for n in study.records
        if n.startswith("subjects/S1/") and not any(word in n for word in aside)
    }  # fmt: skip
    assert set(names) == own | {"caches/S1.json"}
    made = {f: i for i, n in enumerate(names) for f, _ in study.records[n].files("outputs")}
    for place, name in enumerate(names):
        assert all(made.get(f, -1) < place for f, _ in study.records[name].files("inputs"))


def test_model_follows_from_all_subjects_and_a_test_prediction_from_all_models(
    small_study: Finished,
) -> None:
    study = records.read(small_study.root)
    steps = [r.step for r in why.lineage(study, "cohorts/c1/event/test-predictions.tsv")]
    assert steps.count("ingest_mri") == 10 and steps.count("train_model") == 2
    assert steps[-1] == "predict"


def test_story_holds_commands_settings_and_decisions(
    small_study: Finished, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    root = small_study.copied(tmp_path / "copy").root
    gate = root / "subjects/S1/quality.tsv"
    lines = gate.read_text().splitlines()
    cells = dict.fromkeys(lines[0].split("\t"), "")
    cells |= {"check": "crop/x", "decision": "accept", "who": "Test", "why": "coarse spheres"}
    gate.write_text("\n".join([*lines, "\t".join(cells.values())]) + "\n")
    assert why.main([str(root / "caches" / "S1.npy")]) == 0
    text = capsys.readouterr().out
    for part in (
        "1. ingest_mri: subjects/S1/",
        "raw raw: 20 files, digest ",
        "command: python -m ricenet zscore --image event_registered.nii.gz",
        '"spacing_mm": 10.0',
        "decision: plan",
        "factor 1, fractions 30 from plan",
        "decision of Test: accept crop/x: coarse spheres",
        'days: {"event": 184',
        "versions: ",
        "caches/S1.npy is what was written",
    ):
        assert part in text, part
    assert text.count("versions: ") == 1 and "CANARY" not in text


def test_damaged_and_unknown_files(
    small_study: Finished, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    root = small_study.copied(tmp_path / "copy").root
    path = root / "subjects/S1/event_cropped.nii.gz"
    path.write_bytes(path.read_bytes()[:-20])
    assert why.main([str(path)]) == 0
    assert "NOT what was written" in capsys.readouterr().out
    assert why.main([str(root / "caches/S9.npy")]) == 2
    assert "no record names it" in capsys.readouterr().err
    assert why.main([str(tmp_path / "x")]) == 2
