"""marks: what the plan names and was decided in time is planned, nothing else."""

import hashlib
import json

import pytest

from plans import PLAN
from ricenet.config import analysis_plan
from ricenet.config.analysis_plan import AnalysisPlan
from ricenet.evaluate import marks

INPUTS = ["a-b", "b"]


def plan(**changes) -> AnalysisPlan:
    return AnalysisPlan.model_validate({**PLAN, "inputs": INPUTS, **changes})


def line(of: AnalysisPlan, **changes: str) -> dict[str, str]:
    digest = hashlib.sha256(analysis_plan.text(of).encode()).hexdigest()
    return {"plan": digest, "manifest": "m", "models": "w", "patients": "12", "line": "1",
            "when": "28 Nov 2026", "seen_before": of.seen_before, "inputs": "2",
            "also_seen_in": "none", **changes}  # fmt: skip


def standing(of: AnalysisPlan, *lines: dict[str, str]) -> marks.Standing:
    return marks.standing(of, analysis_plan.text(of), lines)


def row(of="test", ablation="a-b", metric="macro_f1", aggregate="majority vote", **more):
    return {"set": of, "ablation": ablation, "metric": metric, "aggregate": aggregate,
            "which": "last", "prevalence": float("nan"), **more}  # fmt: skip


def is_planned(found: AnalysisPlan, **of) -> bool:
    why = standing(found, line(found))
    return marks.of_figure(row(**of), found, why) == marks.PLANNED


def test_only_what_the_plan_names_is_planned():
    own = plan(primary_metric="macro_f1", secondary_metrics=["ppv"], prevalences=[0.18])
    assert is_planned(own) and is_planned(own, ablation="b")
    assert is_planned(own, metric="ppv", prevalence=0.18)
    for other in (
        {"ablation": "a"}, {"metric": "accuracy"}, {"aggregate": "mean probability"},
        {"metric": "ppv", "prevalence": 0.4}, {"of": "validation"},
        {"of": "validation", "aggregate": "pooled", "which": "best"},
        {"of": "validation", "aggregate": "fold mean"},
    ):  # fmt: skip
        assert not is_planned(own, **other), other
    assert is_planned(own, of="validation", aggregate="pooled")
    mean = plan(ensemble="mean", threshold="youden", secondary_metrics=["auc"])
    assert is_planned(mean, metric="auc", aggregate="mean probability")
    assert is_planned(mean, of="validation", metric="auc", aggregate="within folds")
    assert not is_planned(mean, aggregate="mean probability")  # at 0.5, not at the plan's threshold


def test_a_contrast_is_planned_as_it_is_written_and_at_its_threshold():
    own = plan(contrasts=[["a-b", "b"]])
    why = standing(own, line(own))
    for first, second, mark in (("a-b", "b", marks.PLANNED), ("b", "a-b", marks.AFTER)):
        found = {"set": "test", "first": first, "second": second}
        assert marks.of_contrast(found, own, why) == mark
        assert marks.of_contrast(found, own, standing(own)) == marks.AFTER
    other = plan(contrasts=[["a-b", "b"]], ensemble="mean", threshold="cost")
    found = {"set": "test", "first": "a-b", "second": "b"}
    assert marks.of_contrast(found, other, standing(other, line(other))) == marks.AFTER
    assert marks.of_tables(other, standing(other, line(other))) == {"thresholds": marks.PLANNED}


@pytest.mark.parametrize(
    ("seen", "later", "test", "validation"),
    [
        ("nothing", [], "", ""),
        ("nothing", [{"code": "other"}], "", ""),
        ("validation", [], "", "the validation had been seen"),
        ("test", [], "test predictions had been seen", "the validation had been seen"),
        ("nothing", [{"models": "again"}], "trained again", "trained again"),
        ("nothing", [{"plan": "x"}, {}], "another plan was tried", ""),
        ("nothing", [{"also_seen_in": "c1"}], "test patients of cohort c1", ""),
    ],
)
def test_what_was_seen_or_changed_before_makes_it_after_the_fact(seen, later, test, validation):
    own = plan(seen_before=seen)
    why = standing(own, line(own), *(line(own, **changes) for changes in later))
    for found, expected in ((why.test, test), (why.validation, validation)):
        assert (expected in found) if expected else found == ""


def test_a_plan_that_was_changed_after_the_first_opening_plans_nothing():
    first, second = plan(), plan(primary_metric="accuracy")
    why = standing(second, line(first), line(second))
    assert "was changed after" in why.test and "was changed after" in why.validation
    assert marks.standing(None, "", []).test == marks.NO_PLAN
    assert standing(first).test  # a ledger without a line proves nothing
    assert "no test patients" in standing(first, line(first, patients="0")).test


def test_the_summary_is_json_and_holds_the_openings():
    own = plan(tables=["probes"])
    found = marks.summary(own, standing(own, line(own)), [line(own)], "planned")
    assert json.loads(json.dumps(found)) == found
    assert found["openings"][0]["when"] == "28 Nov 2026" and found["tables"] == {
        "probes": marks.PLANNED
    }
