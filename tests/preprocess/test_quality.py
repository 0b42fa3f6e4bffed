"""quality: what failed holds back, what was accepted passes, and nothing else does."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from ricenet.preprocess import quality
from ricenet.study import board
from step_run import run_step

SETTINGS = {"max_brain_difference": 0.1}


def check(name: str, value: float, verdict: str = "pass", **more) -> dict:
    return {"check": name, "value": value, "unit": "ml", "verdict": verdict, **more}


def record(folder: Path, name: str, *checks: dict, digest: str | None = None) -> Path:
    path = folder / "subjects" / "P1" / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {"step": "ingest_mri" if digest else "other", "checks": list(checks)}
    content["outputs"] = {"out": [{"digest": digest}]} if digest else {}
    path.write_text(json.dumps(content))
    return path


def run(folder: Path, records: list[Path], accepted: dict | None = None) -> dict:
    subject = folder / "subjects" / "P1"
    return run_step(
        quality.main,
        subject / "quality.json",
        SETTINGS,
        subject="P1",
        records=records,
        accepted=json.dumps(accepted or {}),
        out=subject / "quality.tsv",
        log=folder / "logs" / "P1" / "quality.log",
    )


def masks(folder: Path, postop_ml: float, event_ml: float) -> list[Path]:
    volumes = {"postop": postop_ml, "event": event_ml}
    return [
        record(folder, f"{name}_brain-mask", check("brain-volume", ml))
        for name, ml in volumes.items()
    ]


FAILED = check("left-right", -0.2, "fail", at_least=0.0, advice="compare both; swap")


def test_a_failed_check_holds_back_and_says_what_to_do(tmp_path: Path) -> None:
    records = [*masks(tmp_path, 1400, 1420), record(tmp_path, "postop_to-event", FAILED)]
    with pytest.raises(ValueError) as caught:
        run(tmp_path, records)
    for part in ("postop_to-event/left-right is -0.2", "at least 0", "compare both", "P1"):
        assert part in str(caught.value)
    assert not (tmp_path / "subjects/P1/quality.tsv").exists()
    (row,) = board.subject_rows(tmp_path, "P1", ())
    assert row["state"] == "held" and "left-right" in row["why"]
    assert row["what_to_do"].startswith("look at") and "overrides" in row["what_to_do"]
    # once all that the message names is accepted, the board takes nobody for held back
    one, both = {"postop_to-event/left-right"}, {"postop_to-event/left-right", "crop/lost"}
    for accepted, failed in ((one, set()), (both, set()), (both - one, {"P1"})):
        assert board.failed_subjects(tmp_path, ["P1"], {"P1": accepted}) == failed


def test_an_accepted_check_passes_and_stays_visible(tmp_path: Path) -> None:
    records = [*masks(tmp_path, 1400, 1420), record(tmp_path, "postop_to-event", FAILED)]
    decided = {"postop_to-event/left-right": {"who": "AB", "why": "situs known"}}
    assert run(tmp_path, records, decided)["facts"]["accepted"] == 1
    table = pd.read_csv(tmp_path / "subjects/P1/quality.tsv", sep="\t", keep_default_na=False)
    row = table.set_index("check").loc["postop_to-event/left-right"]
    assert list(row[["verdict", "decision", "who"]]) == ["fail", "accept", "AB"]
    assert len(table) == 5  # two volumes, left-right, and the two of its own


def test_accepting_one_check_does_not_accept_another(tmp_path: Path) -> None:
    records = [
        *masks(tmp_path, 1400, 1420),
        record(tmp_path, "postop_to-event", FAILED, check("brain-overlap", 0.3, "fail")),
    ]
    decided = {"postop_to-event/left-right": {"who": "AB", "why": "x"}}
    with pytest.raises(ValueError, match="postop_to-event/brain-overlap"):
        run(tmp_path, records, decided)


def test_a_decision_on_a_check_that_there_is_not_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"accepts \['event_brain-mask/brain-size'\]"):
        run(
            tmp_path, masks(tmp_path, 1, 1), {"event_brain-mask/brain-size": {"who": "", "why": ""}}
        )


@pytest.mark.parametrize(("event_ml", "fine"), [(1530, True), (1550, False), (1260, False)])
def test_brains_of_two_visits_more_than_a_tenth_apart(event_ml, fine, tmp_path: Path) -> None:
    records = masks(tmp_path, 1400, event_ml)
    if fine:
        run(tmp_path, records)
        return
    with pytest.raises(ValueError, match="quality/brain-volumes-agree"):
        run(tmp_path, records)


def test_the_same_voxels_in_two_channels(tmp_path: Path) -> None:
    names = ("postop_native", "event_native")
    same = [record(tmp_path, name, digest="a" * 64) for name in names]
    with pytest.raises(ValueError, match="quality/same-image-twice"):
        run(tmp_path, same)
    run(tmp_path, [same[0], record(tmp_path, "event_native", digest="b" * 64)])


UNMADE = {
    "check": "dose-plausibility", "value": None, "unit": "", "verdict": "not made",
    "holds": True, "reason": "nothing says how large; it is", "advice": "write prescription_gy",
}  # fmt: skip


def test_a_check_that_must_be_made_holds_until_a_person_accepts(tmp_path: Path) -> None:
    records = [*masks(tmp_path, 1400, 1420), record(tmp_path, "dose_native", UNMADE)]
    with pytest.raises(ValueError, match="dose_native/dose-plausibility was not made: nothing"):
        run(tmp_path, records)
    (row,) = board.subject_rows(tmp_path, "P1", ())
    assert row["state"] == "held" and "write prescription_gy" in row["why"]
    decided = {"dose_native/dose-plausibility": {"who": "AB", "why": "film"}}
    assert run(tmp_path, records, decided)["facts"]["accepted"] == 1


def test_what_was_not_made_stands_in_table_and_board(tmp_path: Path) -> None:
    unmade = UNMADE | {"holds": False}
    records = [*masks(tmp_path, 1400, 1420), record(tmp_path, "dose_native", unmade)]
    facts = run(tmp_path, records)["facts"]
    assert facts["not_made"] == ["dose_native/dose-plausibility", "quality/same-image-twice"]
    table = pd.read_csv(tmp_path / "subjects/P1/quality.tsv", sep="\t", keep_default_na=False)
    row = table.set_index("check").loc["dose_native/dose-plausibility"]
    assert list(row[["value", "verdict", "decision"]]) == ["", "not made", ""]
    assert row["reason"].startswith("nothing says")


def test_one_brain_mask_agrees_with_nothing(tmp_path: Path) -> None:
    found = run(tmp_path, masks(tmp_path, 1400, 1420)[:1])["checks"]
    assert {c["check"]: c["verdict"] for c in found} == {
        "brain-volumes-agree": "not made", "same-image-twice": "not made",
    }  # fmt: skip
