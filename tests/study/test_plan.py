"""plan: Snakemake's reasons in words, and durations from benchmark files."""

from __future__ import annotations

from pathlib import Path

import pytest

from ricenet.study import plan
from ricenet.study.plan import Planned

CHANGED = (
    "Params have changed since last execution: Union of exclusive params before and now across"
)
CODE, TEXT, RAW = "f4532d330d293f52", '{"epochs":3}', "0" * 64


@pytest.mark.parametrize(
    ("text", "word"),
    [
        (f"{CHANGED} '1' now: '{CODE}' ", "other code"),
        (f"{CHANGED} '{CODE}' now: 'acccfdaeffca9864' ", "other raw data"),
        (f"{CHANGED} '1' now: '{TEXT}' ", "other settings"),
        (f"{CHANGED} '1' now: '{TEXT}', '{CODE}' ", "other code and other settings"),
        (f"{CHANGED} '1' now: '{RAW}' ", "other raw data"),
        (f"{CHANGED} '1' now: '{{\"fractions\":\"30\"}}' ", "a table's row"),
        ("Missing output files: a, b", "not made yet"),
        ("Input files updated by another job: a", "follows from others"),
        ("Code has changed since last execution", "another command"),
        ("something that a later Snakemake says", "another reason"),
    ],
)  # fmt: skip
def test_reasons(text: str, word: str) -> None:
    assert plan.reason(text, codes={CODE}, settings={TEXT}) == word


def test_hours_are_those_of_the_same_jobs_else_of_the_same_step(tmp_path: Path) -> None:
    folder = tmp_path / "benchmarks/S1"
    folder.mkdir(parents=True)
    for name, seconds in (
        ("event_to-ct_register", 7200),
        ("postop_to-event_register", 3600),
        ("crop", 36),
    ):
        (folder / f"{name}.tsv").write_text(f"s\tmax_rss\n{seconds}\t1\n")
    (folder / "ct_to-postop_register.tsv").write_text(
        "s\tmax_rss\nNA\tNA\n"
    )  # of a job that was too short
    known = str(folder / "event_to-ct_register.tsv")
    jobs = [
        Planned("register", "other code", known),
        Planned("crop", "not made yet", str(tmp_path / "S2/crop.tsv")),
        Planned("vote", "not made yet", ""),
    ]
    seconds = plan.seconds_of(jobs, tmp_path)
    assert seconds == {"register": [7200.0], "crop": [36.0], "vote": []}
    new = plan.seconds_of([Planned("register", "not made yet", "none.tsv")], tmp_path)
    assert sorted(new["register"]) == [3600.0, 7200.0]
    assert plan.seconds_of([Planned("mine_crop", "", "")], tmp_path) == {"mine_crop": []}
    shown = plan.as_text(jobs, seconds)
    assert "3 jobs, about 2.01 hours, one after the other" in shown
    assert "1 jobs are of steps that never ran here" in shown


def test_a_plan_that_was_not_read_whole_is_no_plan() -> None:
    text = "Job stats:\njob    count\n-----  -----\ncrop   2\ntotal  2\n\n"
    block = "rule crop:\n    output: a\n    reason: Missing output files: a\n"
    (one,) = plan.jobs(block, codes=(), settings=())
    plan.require_all([one, one], text)
    with pytest.raises(ValueError, match="prints its plan in another format; use snakemake -n"):
        plan.require_all([one], text)


def test_a_row_is_offered_where_nothing_but_the_code_has_changed() -> None:
    now = "acccfdaeffca9864"
    text = f"{CHANGED} '{CODE}' now: '{now}' "
    assert plan.changed_code(text, {now}) == (CODE, now)
    assert plan.changed_code(f"{CHANGED} '{CODE}' now: '{now}' ", set()) == ("", "")
    jobs = [
        Planned("predict_test", "other code", "", CODE, now),
        Planned("predict_arrival", "other code", "", CODE, now),
        Planned("crop", "another command", "", RAW[:16], now),
    ]
    rows = plan.acceptable(jobs, {now: "predict"})
    assert rows == [f"predict\t{now}\t{CODE}\t<who>\t<why>"]
