"""analysis_plan: the same plan has the same text however it is written; a wrong one says why."""

import json

import pytest
import yaml

from plans import PLAN, write_plan
from ricenet.config import analysis_plan

PAIRS = [["a-b", "a"], ["a-b", "b"]]
COMBINATIONS = ["a", "b", "c", "a-b", "a-c", "b-c", "a-b-c"]


def read(tmp_path, **changes):
    return analysis_plan.read(write_plan(tmp_path / "plan.yaml", ["a-b", "b", "a"], **changes))


def test_layout_comments_and_order_of_sets_do_not_count_and_all_else_does(tmp_path):
    text = analysis_plan.text(read(tmp_path, contrasts=PAIRS, tables=["probes", "decision"]))
    turned = {
        **PLAN, "inputs": ["a-b", "a", "b"], "contrasts": PAIRS[::-1],
        "tables": ["decision", "probes"], "threshold": 0.5,
    }  # fmt: skip
    lines = yaml.safe_dump(dict(reversed(turned.items())), sort_keys=False)
    (tmp_path / "other.yaml").write_text(f"# a remark\n\n{lines}")
    other = analysis_plan.read(tmp_path / "other.yaml")
    assert analysis_plan.text(other) == text and analysis_plan.parse(text) is not None
    assert analysis_plan.text(analysis_plan.parse(text)) == text
    for change in (
        {"seed": 1}, {"ensemble": "mean"}, {"primary_metric": "accuracy"}, {"prevalences": []},
        {"seen_before": "test"}, {"contrasts": [PAIRS[0][::-1], PAIRS[1]]},
    ):  # fmt: skip
        changed = read(tmp_path, **{"contrasts": PAIRS, "tables": ["probes", "decision"], **change})
        assert analysis_plan.text(changed) != text, change
    assert json.loads(text)["inputs"][0] == "a-b"  # the primary one stays the first


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"ensemble": "both"}, "ensemble"),
        ({"extra": 1}, "extra"),
        ({"contrasts": [["a", "a"]]}, "against itself"),
        ({"contrasts": [["a", "b"], ["b", "a"]]}, "twice"),
        ({"secondary_metrics": ["macro_f1"]}, "twice"),
        ({"primary_metric": "auc"}, "votes have no AUC"),
        ({"threshold": "youden"}, "votes are counted at 0.5"),
        ({"primary_metric": "ppv", "prevalences": []}, "exactly one"),
        ({"prevalences": [1.5]}, "prevalences"),
    ],
)
def test_a_wrong_plan_says_what_is_wrong(tmp_path, changes, why):
    with pytest.raises(ValueError, match=why):
        read(tmp_path, **changes)


def test_no_file_and_no_yaml(tmp_path):
    with pytest.raises(ValueError, match=r"none\.yaml: no such file; ricenet new-plan"):
        analysis_plan.read(tmp_path / "none.yaml")
    (tmp_path / "plan.yaml").write_text("inputs: [\n")
    with pytest.raises(ValueError, match="not YAML"):
        analysis_plan.read(tmp_path / "plan.yaml")


@pytest.mark.parametrize(
    ("names", "alone", "others"),
    [
        (COMBINATIONS, True, ["a-b", "a-c", "b-c", "a", "b", "c"]),
        (COMBINATIONS, False, ["a-b", "a-c", "b-c"]),
        (["a", "b", "a-b"], True, ["a", "b"]),
        (["a", "b", "a-b"], False, ["a", "b"]),
        (["a"], True, []),
    ],
)
def test_without_a_choice_all_channels_are_compared_with_fewer(names, alone, others):
    pairs = analysis_plan.against_fewer(names, alone=alone)
    assert pairs == [(names[-1], other) for other in others]
