"""shortcuts: what page one and the section say of probes."""

from __future__ import annotations

import re

import pytest

from ricenet.evaluate import added_value, probe_groups, probes
from ricenet.report import page, shortcuts


def probe(group: str, auc: str = "0.75", note: str = "", model: str = "logistic") -> dict[str, str]:
    values = {
        "group": group, "kind": probe_groups.GROUPS[group].kind, "model": model,
        "set": "validation", "n": "80", "features": "3", "auc": auc, "low": "0.62", "high": "0.84",
        "null_low": "0.37", "null_high": "0.63", "p": "0.001", "macro_f1": "0.7",
        "macro_f1_low": "0.6", "macro_f1_high": "0.8", "note": note,
        "used": "event_slice_mm" if group == "scanner" else "", "measured": "10", "p_holm": "0.002",
    }  # fmt: skip
    return dict.fromkeys(probes.COLUMNS, "") | (values if not note else values | {"auc": ""})


def added(group: str, verdict: str, auc: str = "0.75", model: str = "logistic") -> dict[str, str]:
    values = dict.fromkeys(added_value.COLUMNS, "0.5") | {
        "ablation": "event-dose", "group": group, "kind": probe_groups.GROUPS[group].kind,
        "model": model, "n": "80", "auc_network": "0.78", "network_low": "0.66",
        "network_high": "0.87", "auc_probe": auc, "probe_low": "0.62", "probe_high": "0.84",
        "difference": "0.03", "low": "-0.1", "high": "0.16",
        "only_network_right": "4", "only_probe_right": "2",
        "verdict": verdict, "outcome": "",
    }  # fmt: skip
    return values


SCANNER = "a model of scanner and sequence alone is not shown to be worse"
USED = "event slice thickness (1 of 10 features of: scanner and sequence)"


@pytest.fixture(scope="module")
def found() -> dict:
    tables = {
        "probes": [probe("scanner"), probe("dose_max"), probe("lesion", note="not made: no such")],
        "added_value": [
            added("scanner", SCANNER), added("scanner", SCANNER, "0.81", "boosting"),
            added("dose_max", added_value.BETTER), added("id", "control: AUC compatible with 0.5"),
            added("dose_max", "a model of x alone does as well") | {"ablation": "dose"},
        ],
    }  # fmt: skip
    return shortcuts.shortcuts(tables, "event-dose")


def test_page_one_names_what_is_not_shown_to_be_worse_once(found: dict) -> None:
    (sentence,) = found["sentences"]
    assert sentence.startswith(
        f"A model of {USED} alone is not shown to be worse than the network with event + dose: AUC "
        "within folds 0.81 (0.62 to 0.84), network 0.78 (0.66 to 0.87), network less model 0.03 "
        "(-0.10 to 0.16), 80 patients"
    )
    assert "confounder" in sentence


@pytest.mark.parametrize(
    ("verdict", "says"),
    [(added_value.AHEAD, "is ahead of the network"), (added_value.AS_WELL, "does as well as the")],
)
def test_other_verdicts_against_the_network_are_said(verdict: str, says: str) -> None:
    told = verdict.format(words="scanner and sequence")
    rows = [added("scanner", told), added("scanner", SCANNER, "0.9")]
    (sentence,) = shortcuts.shortcuts({"added_value": rows}, "event-dose")["sentences"]
    assert says in sentence and "0.75 (0.62" in sentence  # the one that says most, not the largest


def test_the_section_has_tables_plot_and_reasons(found: dict) -> None:
    text = page.render("shortcuts.html.j2", {"shortcuts": found})
    assert (
        text.count("<table>") == 2
        and text.count("<svg") == 1
        and f"a model of {USED} alone is not" in text
    )
    assert "set in the program, not registered" in text and "likelihood ratio, one" not in text
    assert "Not made, no such: size and place of the outline." in text
    spans = re.findall(r"(-?\d\.\d+) to (-?\d\.\d+)", text)
    assert len(spans) > 10 and all(float(a) < float(b) for a, b in spans)


def test_what_was_not_run_is_said() -> None:
    nothing = shortcuts.shortcuts({}, "event-dose")
    text = page.render("shortcuts.html.j2", {"shortcuts": nothing})
    assert "Not made, this was not run." in text and nothing["sentences"] == []


def test_every_group_has_words_and_every_outcome_is_known() -> None:
    assert shortcuts.WORDS.keys() == probe_groups.GROUPS.keys()
    assert {*shortcuts.AGAINST, shortcuts.BETTER} <= added_value.TEXTS.keys()
    for outcome, (words, _) in shortcuts.AGAINST.items():
        assert words in added_value.TEXTS[outcome]
