"""verdict_counts: counts of few patients, and of combinations that give one answer."""

from __future__ import annotations

from ricenet.report import verdict_counts


def one(constant: str, right: int) -> dict:
    own = {
        "constant": constant, "right": f"{right} of 12 right",
        "macro_f1": {"low": 0.73},
        "confusion": {"true_positive": right - 7, "true_negative": 7, "false_positive": 0,
                      "false_negative": 12 - right},
    }  # fmt: skip
    return {"test": {"majority_vote": own, "ensemble": "majority vote"}}


def test_only_combinations_that_all_give_one_answer_are_one_result() -> None:
    words = "classifies every patient as recurrence"
    alike = {"a": one(words, 7), "b": one(words, 7)}
    said = "all 2 input combinations classify every patient as recurrence"
    assert verdict_counts.same_for_all(alike, "test") == said
    assert verdict_counts.same_for_all({**alike, "c": one("", 9)}, "test") == ""
    assert verdict_counts.same_for_all({"a": one(words, 7)}, "test") == ""


def test_all_right_has_the_figure_that_it_is_compatible_with_and_others_have_none() -> None:
    for right, limit in ((12, True), (11, False)):
        text = verdict_counts.counts_of({"dose": one("", right)}, "test", (5, 7), "dose", "")
        assert ("compatible with a macro F1 of 0.73" in text) == limit
        assert f"{right} of 12 right (5 RICE" in text
