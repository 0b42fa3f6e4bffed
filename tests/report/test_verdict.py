"""verdict: nothing is called shown that a table does not show."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

from ricenet.evaluate import evaluate
from ricenet.report import (
    contrast_plot,
    results,
    sentence,
    verdict,
    verdict_checks,
    verdict_contrasts,
    verdict_probes,
    verdict_sets,
)
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
    "ablation": "event-dose", "group": "scanner", "kind": "confounder", "model": "logistic",
    "n": "80",
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


def about(said: list[verdict.Sentence], words: str) -> verdict.Sentence:
    (one,) = [s for s in said if words in s.text]
    return one


def test_three_questions_of_a_network_have_three_answers() -> None:
    good, weak = found(**{"event-dose": 2.8}), found(**{"event-dose": 0.3})
    right = about(good, "if all are called recurrence")
    told = re.search(r"(\d+) of 80 right, and 48 if .*\((\d+) gained, (\d+) lost", right.text)
    assert told and right.tone == verdict.SHOWN and "More patients are right." in right.text
    all_right, gained, lost = map(int, told.groups())
    assert all_right == 48 + gained - lost  # one measure for both
    f1 = about(good, "In cross-validation of training patients: macro F1")
    assert f1.tone == verdict.SHOWN
    assert "all recurrence 0.38, guessing 0.50 at best." in f1.text and "the method 0." in f1.text
    assert about(good, "probabilities rank RICE above").tone == verdict.SHOWN
    for words in (
        "more patients are right is not",
        "above guessing is not",
        "that the network's prob",
    ):
        assert about(weak, words).tone == sentence.NOT_SHOWN


def test_a_network_above_a_constant_but_not_above_guessing_earns_no_tick() -> None:
    """The lower limit of the method just touches what a coin reaches."""
    own = {
        "constant": "", "macro_f1_new_study": {"low": 0.503},
        "pooled": {"macro_f1": {"low": 0.64}}, "macro_f1": {"low": 0.52},
    }  # fmt: skip
    assert not verdict_sets.beats(own, "validation", 80)
    assert verdict_sets.beats({**own, "macro_f1_new_study": {"low": 0.52}}, "validation", 80)
    assert verdict_sets.beats(own, "test", 80) and not verdict_sets.beats(own, "test", 40)
    again = {
        **own,
        "constant": "classifies every patient as RICE",
        "macro_f1_new_study": {"low": 0.9},
    }
    assert not verdict_sets.beats(again, "validation", 80)


def test_of_twelve_test_patients_only_counts_are_told_however_right() -> None:
    test = about(found(**{"event-dose": 9.0, "dose": 1.0}), "On test patients, event + dose")
    assert (
        test.tone == verdict.IMPOSSIBLE
        and "12 of 12 right (5 RICE; compatible with a macro F1 of 0.73)" in test.text
    )
    assert "no performance is estimated" in test.text and "the other inputs have" in test.text
    assert " to 1.00" not in test.text + test.method


def test_contrasts_are_said_as_the_table_decides() -> None:
    others = [dict(PAIR, verdict="not shown"), dict(PAIR, verdict="cannot be shown with this many")]
    said = found([PAIR, *others], **{"event-dose": 3.5})
    shown, open_ones = [s for s in said if "max-T" in s.method]
    assert "p = 0.001, corrected for 3 contrasts (max-T)." in shown.text
    assert shown.tone == verdict.SHOWN and "0.30 (0.10 to 0.50)" in shown.text
    assert (
        open_ones.tone == sentence.NOT_SHOWN
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
        s
        for s in found(tables={"probes": own, "added_value": added})
        if "of few features (" in s.text
    ]
    return said


def test_a_probe_that_is_not_shown_to_be_worse_is_named_with_its_kind() -> None:
    said = of_probes(ADDED, {**ADDED, "auc_probe": "0.7", "verdict": "the network is better"})
    assert said.tone == sentence.NOT_SHOWN and "0 of 1 group of features" in said.text  # one group
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
    assert sentence.mark({"plan": "after the fact"}) == "after the fact"
    assert sentence.mark({"planned": "planned"}) == "planned"
    assert sentence.mark({}) == sentence.mark(None) == sentence.NO_PLAN
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


def test_a_network_that_gives_all_the_same_answer_has_no_tick_however_it_ranks() -> None:
    validation, test = predictions(manifest(80, 12), {"event-dose": 2.5})
    validation["probability_rice"] *= 0.4
    test["probability_rice"] *= 0.4
    table, summary = evaluate.evaluate(validation, test, SETTINGS)
    rows = table.astype(object).where(pd.notna(table), "").to_dict("records")
    said = verdict.sentences(evaluate.without_nan(summary), rows, {}, "event-dose")
    assert said[0].tone == sentence.USELESS and "0 of 32 RICE recognised" in said[0].text
    assert said[1].tone == sentence.INTERVAL and "not counted as shown" in said[1].text
    assert "these models and patients" in said[1].text and "the method 0." in said[1].text
    assert "0 of 5 RICE recognised" in said[2].text and "macro F1" not in said[2].text
    assert not verdict.box(said)["can"]


def test_a_contrast_is_shown_only_where_the_better_input_is_above_guessing() -> None:
    pair = {**PAIR, "right_first": 66, "right_second": 48, "detectable": 0.27}
    other = {**pair, "second": "event", "verdict": "not shown", "right_second": 63}
    good = about(found([pair, other], **{"event-dose": 3.5, "dose": 0.0}), "more patients right")
    assert good.tone == verdict.SHOWN and "(66 against 48 of 80)" in good.text
    assert "Not shown to be above guessing: dose (" in good.text
    assert "Not shown to be better than: event (63 right)." in good.text
    assert "probably an overestimate" in good.text
    said = found([pair], **{"event-dose": 0.3, "dose": 0.2})
    weak = about(said, "more patients right")
    assert weak.tone == sentence.NOT_SHOWN and "but neither is shown to be above" in weak.text
    assert "1 of 1 contrasts between inputs are not shown" in about(said, "order of the").text


def test_table_and_plot_have_the_verdict_of_page_one() -> None:
    validation, test = predictions(manifest(80, 12), {"event-dose": 0.0, "dose": 0.0})
    _, summary = evaluate.evaluate(validation, test, SETTINGS)
    (row,) = verdict_contrasts.judged([PAIR], evaluate.without_nan(summary)["ablations"])
    assert row["verdict"] == "not shown: neither is shown to be above guessing" and row["ahead"]
    drawn = contrast_plot.contrasts(
        [{**row, "detectable": 0.2, "only_right_first": 30, "only_right_second": 8}],
        name="c", alt="c",
    )  # fmt: skip
    assert "neither is shown to be above guessing" in drawn  # where it is pointed at
    (good,) = verdict_contrasts.judged([{**PAIR, "verdict": "not shown"}], {})
    assert good["verdict"] == "not shown" and not good["ahead"]


def test_that_nothing_records_the_training_stands_on_page_one() -> None:
    kept = "Whether training kept to the folds, and whether settings were chosen on these patients"
    assert about(found(), kept).tone == verdict.NOT_MADE
    assert "kept" not in verdict_checks.of_training(trained=True).text


def test_the_ranking_names_inputs_p_and_the_gain_over_the_best_few_features() -> None:
    own = {**PROBE, "used": "event_slice_mm", "measured": "10"}
    id_drawn = {**PROBE, "kind": "control", "group": "id", "auc": "0.99"}
    added = {**ADDED, "outcome": "not worse", "probe_low": "0.69"}
    tables = {"probes": [own, id_drawn], "added_value": [added]}
    said = about(found(tables=tables, **{"event-dose": 2.8}), "probabilities rank RICE above")
    assert "event + dose (images and dose map): the network's" in said.text
    assert "p < 0.001 by chance" in said.text
    assert "Event slice thickness alone: AUC 0.80 (0.69 to 0.88), the best of 1 group" in said.text
    assert said.text.endswith("no gain over it is shown.") and said.tone == verdict.SHOWN


def test_beside_all_right_of_twelve_stands_what_few_features_get_right() -> None:
    cohort = manifest(80, 12)
    patients = cohort[cohort["split"] == "test"]
    of = {"set": "test", "group": "scanner", "model": "logistic"}
    answers = [
        {**of, "subject": row.subject, "probability_rice": str(0.9 * row.label)}
        for row in patients.itertuples()
    ]
    answers[0]["probability_rice"] = str(1 - float(answers[0]["probability_rice"]))
    labels = [{"subject": row.subject, "label": str(row.label)} for row in patients.itertuples()]
    own = {**PROBE, "used": "event_slice_mm", "measured": "10"}
    tables = {"probes": [own], "probe_predictions": answers, "manifest": labels}
    said = about(found(tables=tables), "On test patients, event + dose")
    assert "event slice thickness alone 11 of 12." in said.text
    more = verdict_probes.right_besides(tables, "test", few=False)
    assert more == " Event slice thickness alone 11 of 12 right."
    assert verdict_probes.right_besides(tables, "validation", few=True) == ""


def test_combinations_that_all_give_one_answer_are_one_result() -> None:
    validation, test = predictions(manifest(80, 12), {"event-dose": 2.5, "dose": 1.0})
    for table in (validation, test):
        table["probability_rice"] *= 0.4
    table, summary = evaluate.evaluate(validation, test, SETTINGS)
    rows = table.astype(object).where(pd.notna(table), "").to_dict("records")
    said = verdict.sentences(evaluate.without_nan(summary), rows, {}, "event-dose")
    words = "all 2 input combinations classify every patient as recurrence"
    first, second = (s.text for s in said if words in s.text)
    assert "0 of 32 RICE recognised, 48 of 80 right" in first
    assert "0 of 5 RICE recognised, 7 of 12 right" in second and "the other inputs" not in second
    values = table[table["metric"].isin(["ppv", "npv"])]
    assert values["value"].isna().all() and values["low"].isna().all()
    assert values[values["which"] == "last"]["coverage"].str.startswith("not defined").all()
    best = table[table["which"] == "best"]
    assert best["low"].isna().all() and best["coverage"].str.contains("epoch was chosen").all()


def test_a_simple_model_that_gets_as_many_right_is_named_first() -> None:
    added = {
        **ADDED, "group": "dose_max", "kind": "simpler explanation", "probe_low": "0.7",
        "only_network_right": "11", "only_probe_right": "12", "mcnemar_p": "1.0", "outcome":
        "not worse",
    }  # fmt: skip
    own = {**PROBE, "group": "dose_max", "used": "dose_hottest_gy", "measured": "1"}
    tables = {"probes": [own], "added_value": [added]}
    first = found(tables=tables)[0]
    assert first.text.startswith("One number, the dose near-maximum, gets as many of these")
    assert first.tone == sentence.NOT_SHOWN and "nor that it adds nothing" in first.text
    told = re.search(r"right: (\d+) of 80, the network (\d+) ", first.text)
    assert told and int(told[1]) == int(told[2]) + 1
    few = {**added, "only_network_right": "30", "only_probe_right": "2", "mcnemar_p": "0.001"}
    better = {"probes": [own], "added_value": [{**few, "outcome": "better"}]}
    assert found(tables=better)[0].tone == verdict.SHOWN
    nothing = {"probes": [own], "added_value": [{**few, "outcome": "better", "probe_low": "0.3"}]}
    assert "near-maximum, gets" not in found(tables=nothing)[0].text  # a coin is no bar


@pytest.mark.parametrize(("rice", "recurrence", "value"), [(32, 48, 0.375), (5, 7, 7 / 19)])
def test_the_constant_classifier(rice: int, recurrence: int, value: float) -> None:
    words, f1 = results.constant(rice, recurrence)
    assert words == "classifies every patient as recurrence" and f1 == pytest.approx(value)
    table = exact.Table(0, recurrence, rice, recurrence)
    share = rice / (rice + recurrence)
    own = exact.estimate(exact.macro_f1, table, prevalence=share, confidence=0.95)
    assert own.value == f1  # to the last digit: both are printed beside each other
