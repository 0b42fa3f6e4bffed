"""cohort: nobody is lost on the way, and what was not made is said so."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest

from ricenet.report import cohort, page
from ricenet.statistics import metrics

BOARD = [
    *({"subject": f"P{i}", "state": "ready", "why": ""} for i in range(1, 8)),
    {"subject": "P8", "state": "failed", "why": "two slices"},
    {"subject": "P8", "state": "failed", "why": "and more"},
    {"subject": "P9", "state": "held", "why": "brain-overlap is 0.5"},
    {"subject": "P10", "state": "excluded", "why": "not glioblastoma"},
    {"subject": "c1", "state": "failed", "why": "of the cohort"},
]  # fmt: skip
MANIFEST = [
    {
        "subject": f"P{i}",
        "split": "train" if i < 5 else "test",
        "fold": str(i % 2) if i < 5 else "-1",
    }
    for i in range(1, 7)
]


def found() -> list[dict]:
    subjects = [f"P{i}" for i in range(1, 10)]
    return cohort.flow(BOARD, MANIFEST, subjects, {"P10": "not glioblastoma"})


def test_every_patient_is_counted_once() -> None:
    steps = found()
    counts = {step["name"]: step["count"] for step in steps}
    assert counts == {
        "subjects known": 10, "not left out": 9, "prepared": 7, "in the cohort": 6,
        "training": 4, "test": 2,
    }  # fmt: skip
    for before, after in pairwise(steps[:4]):
        assert before["count"] - sum(out["count"] for out in before["left"]) == after["count"]
    assert counts["training"] + counts["test"] == counts["in the cohort"]
    assert steps[0]["left"][0]["reasons"] == [("not glioblastoma", ["P10"])]
    assert [out["what"] for out in steps[1]["left"]] == [
        "failed: not prepared", "held: not prepared",
    ]  # fmt: skip


@pytest.mark.parametrize("ran", [True, False])
def test_the_section(ran: bool) -> None:
    failure = {
        "ablation": "dose", "set": "test", "subject": "P5", "label": "RICE", "called": "recurrence",
        "probability_rice": "0.31", "votes_rice": "2", "models": "5", "wrong_combinations": "3",
        "combinations": "7", "wrong_on_average": "1.4",
        "features": json.dumps({"dose_hottest_gy": 61.2}),
    }  # fmt: skip
    group = {
        "ablation": "dose", "set": "validation", "by": "event_slice_mm", "group": "thicker slices",
        "n": "20", "rice": "8", "errors": "4", "missed_rice": "2", "accuracy": "0.8", "low": "0.58",
        "high": "0.92", "constant": "0.6", "note": "",
    }  # fmt: skip
    tables = {
        "failures": [failure, failure | {"ablation": "event"}],
        "subgroups": [group, group | {"n": "2", "note": "fewer than 5 patients", "errors": ""}],
        "missingness": [],
        "probe_predictions": [
            {"group": group, "model": "logistic", "set": "test", "subject": "P5",
             "probability_rice": p}
            for group, p in (("id", "0.99"), ("all", "0.27"))
        ],
        "near_duplicates": [
            {"first": "P1", "second": "P6", "split_first": "train", "split_second": "test",
             "apart": "yes", "coarse": "0.9", "fine": "0.96", "alike": "yes"},
        ],
    }  # fmt: skip
    checks = [{"subject": "P5", "verdict": "not made"}, {"subject": "P5", "verdict": "pass"}]
    content = {
        "description": cohort.description(tables if ran else {}, "dose", checks),
        "flow": found(), "flow_plot": "", "pictures": {"P5"},
    }  # fmt: skip
    text = page.render("cohort.html.j2", content)
    assert "not glioblastoma" in text
    assert ran or "No answer is wrong" not in text
    if not ran:
        assert text.count("Not made, this was not run.") == 4
        return
    assert text.count("called recurrence") == 1 and "2 of 5 votes" in text and "61.2" in text
    assert "all simple features: 0.27" in text and "0.99" not in text
    assert "1 of 2 checks did not pass" in text and "#subject-P5" in text
    assert "0.80<small>0.58 to 0.92</small>" in text and "fewer than 5 patients" in text
    assert '<td class="fail">yes</td>' in text and "0.96" in text
    assert "Each feature of <code>probe-features.tsv</code> is known of all" in text


def test_that_no_answer_is_wrong_says_how_many_may_be() -> None:
    said = cohort.none_wrong({"validation": (4, 4), "test": (4, 0)}, ["validation", "test"])
    assert "8 patients of cross-validation (too few of a class to say that errors are rare)" in said
    assert "who calls all RICE has none here either" in said
    high = 100 * (1 - metrics.wilson(80, 80, confidence=0.95).low)
    assert f"compatible with {high:.0f} % errors" in cohort.none_wrong({"test": (40, 40)}, [])
