"""verdict: nothing is called shown that a table does not show."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

from ricenet.evaluate import evaluate
from ricenet.report import results, verdict, verdict_sets
from ricenet.statistics import exact, paired
from simulated_predictions import manifest, predictions

SETTINGS = {"confidence": 0.95, "bootstrap_samples": 20, "seed": 1, "prevalences": [0.18]}
PAIR = {
    "set": "validation", "first": "event-dose", "second": "dose", "n": 80, "difference": 0.3,
    "low": 0.1, "high": 0.5, "p_max_t": 0.001, "verdict": "shown", "plan": "planned",
}  # fmt: skip
PROBE = {
    "group": "scanner", "kind": "confounder", "model": "logistic", "set": "validation", "n": "80",
    "auc": "0.80", "low": "0.69", "high": "0.88", "note": "",
}  # fmt: skip
ADDED = {
    "ablation": "event-dose", "group": "scanner", "kind": "confounder", "n": "80",
    "auc_network": "0.82", "network_low": "0.71", "network_high": "0.89",
    "auc_probe": "0.80", "difference": "0.02", "low": "-0.10", "high": "0.14",
    "verdict": "a model of scanner and sequence alone is not shown to be worse",
}  # fmt: skip


def found(pairs=(), tables=None, **skills: float) -> list[verdict.Sentence]:
    validation, test = predictions(manifest(80, 12), skills or {"event-dose": 2.0})
    table, summary = evaluate.evaluate(validation, test, SETTINGS)
    rows = table.astype(object).where(pd.notna(table), "").to_dict("records")
    whole = evaluate.without_nan({**summary, "contrasts": list(pairs)})
    return verdict.sentences(whole, rows, tables or {}, "event-dose")


def test_better_than_a_constant_needs_patients_and_another_study() -> None:
    good, weak = found(), found(**{"event-dose": 0.3})
    assert good[0].tone == verdict.SHOWN and "of 80 right" in good[0].text
    told = re.search(
        r"(\d+) of 80 right \(48 if .* recurrence; (\d+) gained, (\d+) lost", good[0].text
    )
    assert told and "constant 0.38." in good[0].text
    right, gained, lost = map(int, told.groups())
    assert right == 48 + gained - lost  # one measure for both
    assert good[1].tone == verdict_sets.INTERVAL and "95 % interval" in good[1].text
    assert weak[0].tone == verdict.NOT_SHOWN and "is not shown" in weak[0].text
    assert "n = 80, 32 RICE; interval: exact" in good[0].method


def test_twelve_test_patients_show_nothing_however_right() -> None:
    (test,) = [s for s in found(**{"event-dose": 9.0}) if s.text.startswith("On test patients")]
    assert test.tone == verdict.IMPOSSIBLE
    assert "12 of 12 right, which is compatible with a macro F1 of 0.73 to 1.00" in test.text


def test_contrasts_are_said_as_the_table_decides() -> None:
    others = [dict(PAIR, verdict="not shown"), dict(PAIR, verdict="cannot be shown with this many")]
    shown, open_ones = [s for s in found([PAIR, *others]) if "max-T" in s.method]
    assert "p = 0.001, corrected for 3 contrasts (max-T)." in shown.text
    assert shown.tone == verdict.SHOWN and "0.30 (0.10 to 0.50)" in shown.text
    assert (
        open_ones.tone == verdict.NOT_SHOWN
        and "2 of 3 contrasts between inputs are not shown" in open_ones.text
    )
    (impossible,) = [s for s in found(others[1:]) if "max-T" in s.method]
    assert impossible.tone == verdict.IMPOSSIBLE


def of_probes(*added: dict, used: str = "") -> verdict.Sentence:
    own = [
        {**PROBE, "used": used, "measured": "10"},
        {**PROBE, "kind": "control", "group": "id", "auc": "0.99"},
    ]
    (said,) = [
        s for s in found(tables={"probes": own, "added_value": added}) if "few features" in s.text
    ]
    return said


def test_a_probe_that_is_not_shown_to_be_worse_is_named_with_its_kind() -> None:
    said = of_probes(ADDED, {**ADDED, "auc_probe": "0.7", "verdict": "the network is better"})
    assert said.tone == verdict.NOT_SHOWN and "0 of 1 group" in said.text  # two fits, one group
    assert (
        "A model of scanner and sequence alone is not shown to be worse (difference 0.02 (-0.10 to "
        "0.14))" in said.text
    )
    assert "Known without looking at the lesion: scanner and sequence" in said.text
    assert (
        "0.80 (0.69 to 0.88), the network 0.82 (0.71 to 0.89)" in said.text
        and "0.99" not in said.text
    )
    assert of_probes({**ADDED, "verdict": "the network is better"}).tone == verdict.SHOWN
    one = of_probes(ADDED, used="event_slice_mm").text
    assert (
        "A model of event slice thickness (1 of 10 features of: scanner and sequence) alone" in one
    )


def test_what_was_not_run_is_not_made() -> None:
    said = {s.text: s.tone for s in found()}
    for text in (
        "Contrasts of inputs: not made.", "Whether a model of few features does as well: not made.",
        "Whether two ids are one person: not made.", "How the labels are known: not stated.",
    ):  # fmt: skip
        assert said[text] == verdict.NOT_MADE


def test_marks_of_a_plan_are_repeated() -> None:
    assert verdict.mark({"plan": "after the fact"}) == "after the fact"
    assert verdict.mark({"planned": "planned"}) == "planned"
    assert verdict.mark({}) == verdict.mark(None) == verdict.NO_PLAN
    box = verdict.box(found([PAIR]))
    assert not box["without_plan"] and verdict.box(found())["without_plan"]


def test_mcnemar_against_a_constant_answer() -> None:
    table = {"true_positive": 25, "false_positive": 13, "true_negative": 35, "false_negative": 7}
    labels = np.repeat([1, 1, 0, 0], [25, 7, 13, 35])
    answers = np.repeat([1, 0, 1, 0], [25, 7, 13, 35])
    for words, constant in (
        ("classifies every patient as recurrence", 0),
        ("classifies every patient as RICE", 1),
    ):
        expected = paired.mcnemar(answers == labels, labels == constant).p
        assert verdict_sets.accuracy_p(table, words) == pytest.approx(expected)
    assert verdict_sets.accuracy_p(
        table, "classifies every patient as recurrence"
    ) == pytest.approx(0.073, abs=1e-3)


def test_a_network_whose_answers_are_all_alike_may_rank_patients() -> None:
    validation, test = predictions(manifest(80, 12), {"event-dose": 2.5})
    validation["probability_rice"] *= 0.4
    table, summary = evaluate.evaluate(validation, test, SETTINGS)
    rows = table.astype(object).where(pd.notna(table), "").to_dict("records")
    said = verdict.sentences(evaluate.without_nan(summary), rows, {}, "event-dose")
    assert (
        "classifies every patient as recurrence" in said[0].text
        and said[0].tone == verdict.NOT_SHOWN
    )
    assert said[1].tone == verdict.SHOWN and "ranks patients (AUC within folds 0." in said[1].text


def test_a_contrast_with_an_input_that_is_not_above_the_constant_says_so() -> None:
    said = found([PAIR], **{"event-dose": 2.5, "dose": 0.0})
    (shown,) = [s for s in said if "max-T" in s.method]
    assert shown.text.endswith("Not shown to be above a constant classifier: dose.")


@pytest.mark.parametrize(("rice", "recurrence", "value"), [(32, 48, 0.375), (5, 7, 7 / 19)])
def test_the_constant_classifier(rice: int, recurrence: int, value: float) -> None:
    words, f1 = results.constant(rice, recurrence)
    assert words == "classifies every patient as recurrence" and f1 == pytest.approx(value)
    table = exact.Table(0, recurrence, rice, recurrence)
    share = rice / (rice + recurrence)
    own = exact.estimate(exact.macro_f1, table, prevalence=share, confidence=0.95)
    assert own.value == f1  # to the last digit: both are printed beside each other
