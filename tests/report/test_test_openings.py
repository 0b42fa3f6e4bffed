"""test_openings: one opening as planned reads so; anything else says how often and why."""

import pytest

from ricenet.report.test_openings import test_openings as section

LINE = {"line": "1", "when": "28 Nov 2026", "plan": "a" * 64, "seen_before": "nothing",
        "patients": "12", "inputs": "7", "models": "b" * 64, "also_seen_in": "none"}  # fmt: skip


def summary(*openings, state="planned", test="", validation="", plan=True):
    why = {"test": test, "validation": validation}
    return {"test_set": {"state": state, "plan": {"inputs": ["a"]} if plan else None, "tables": {},
                         "why_after_the_fact": why, "openings": list(openings)}}  # fmt: skip


def test_once_as_planned():
    found = section(summary(LINE))
    assert found["as_planned"] and found["sentences"][0].after("Test set") == (
        "The test set was opened once, as planned."
    )
    assert found["openings"][0]["plan"] == "a" * 12


@pytest.mark.parametrize(
    ("openings", "why", "expected"),
    [
        ([LINE, {**LINE, "plan": "c" * 64}], "the plan was changed",
         "opened 2 times, with 2 plans and 1 set of models. Every test figure is after the fact"),
        ([LINE, LINE, {**LINE, "models": "c" * 64}], "models were trained again",
         "opened 3 times, with 1 plan and 2 sets of models"),
        ([LINE, LINE], "", "opened 2 times, with 1 plan and 1 set of models; plan and models are"),
        ([LINE], "late", "opened once. Every test figure is after the fact: late."),
    ],
)  # fmt: skip
def test_more_than_once_or_late(openings, why, expected):
    found = section(summary(*openings, test=why))
    assert not found["as_planned"] and expected in found["sentences"][0].text


def test_what_was_not_made_says_so_and_what_to_do():
    locked = section(summary(state="locked", test="there is no plan", plan=False))
    (said,) = locked["sentences"]
    assert not said.made and said.after("Test set").startswith("Test set: there is no analysis")
    assert "new-plan" in said.text
    before = section(summary(state="opened without a plan", plan=False))
    assert "after the fact" in before["sentences"][0].text and not before["as_planned"]
    (said,) = section({})["sentences"]
    assert said.after("Not made") == (
        "Not made: no plan, no opening and no figure of the test set on record."
    )
    table = {"true_positive": 5, "true_negative": 7, "false_positive": 0, "false_negative": 0}
    used = section({"ablations": {"dose": {"test": {"majority_vote": {"confusion": table}}}}})
    assert used["sentences"][0].made and "cannot be taken as untouched" in used["sentences"][0].text
    none = section(summary({**LINE, "patients": "0"}, state="no test patients", test="none"))
    assert none["openings"] == [] and "no test patients" in none["sentences"][0].text
