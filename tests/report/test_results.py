"""results: the one gate of all sections, and contrasts that compare nothing."""

from __future__ import annotations

import pytest

from ricenet.report import results


def result(confusion: tuple[int, int, int, int], constant: str = "", mean: str = "") -> dict:
    """Return a combination's result: true positive, false negative, true and false ... of a set."""
    names = ("true_positive", "false_negative", "true_negative", "false_positive")
    counts = dict(zip(names, confusion, strict=True))
    vote = {"confusion": counts, "constant": constant}
    return {
        "validation": vote,
        "test": {"majority_vote": vote, "mean_probability": {**vote, "constant": mean}},
    }


@pytest.mark.parametrize(
    ("confusion", "few"),
    [
        ((5, 5, 20, 20), {}),  # ten of the smaller class are enough
        ((5, 4, 20, 20), {"validation": 9, "test": 9}),
        ((20, 20, 0, 3), {"validation": 3, "test": 3}),
        ((4, 0, 0, 0), {"validation": 0, "test": 0}),
        ((0, 0, 0, 0), {}),  # nobody was asked about
    ],
)
def test_the_gate_is_ten_patients_of_the_smaller_class(confusion: tuple, few: dict) -> None:
    assert results.too_few({"a": result(confusion)}) == few
    assert results.too_few({}) == {}


def test_a_contrast_compares_nothing_where_both_call_everybody_the_same() -> None:
    rice, recurrence = "classifies every patient as RICE", "classifies every patient as recurrence"
    ablations = {
        "a": result((5, 5, 5, 5), rice), "b": result((5, 5, 5, 5), rice),
        "c": result((5, 5, 5, 5), recurrence), "d": result((5, 5, 5, 5)),
    }  # fmt: skip
    for of in results.SETS:
        for second, same in (("b", True), ("c", False), ("d", False), ("unknown", False)):
            row = {"set": of, "first": "a", "second": second}
            assert bool(results.same_call(row, ablations)) == same


def test_the_headline_of_test_patients_is_that_of_the_plan() -> None:
    plans = {"vote": "majority vote", "mean": "mean probability"}
    for plan, words in (*plans.items(), (None, "majority vote")):
        summary = {"ablations": {"a": result((5, 5, 5, 5), "", "classifies every patient as RICE")}}
        summary["test_set"] = {"plan": {"ensemble": plan}} if plan else {"plan": None}
        (found,) = results.with_ensemble(summary).values()
        assert results.ensemble(found) == words
        assert bool(results.headline(found, "test")["constant"]) == (plan == "mean")
        assert not results.headline(found, "validation")["constant"]
