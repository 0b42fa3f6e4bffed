"""open_test_set: an opening is a line once; it knows the models, and who tested before."""

import json
import shutil

import pandas as pd
import pytest

from fake_cohort import make_cohort
from plans import PLAN, write_plan
from ricenet.cohort import openings
from ricenet.config import analysis_plan
from ricenet.config.analysis_plan import AnalysisPlan
from ricenet.evaluate import note_plan, open_test_set


def plan(**changes) -> str:
    return analysis_plan.text(AnalysisPlan.model_validate({**PLAN, "inputs": ["dose"], **changes}))


@pytest.fixture
def cohort(tmp_path):
    return make_cohort(tmp_path, train=6, test=2, folds=2, shape=(2, 2, 2)).parent


def opened(cohort, *digests: str) -> list[openings.Line]:
    """Open the test set with models of some digests; the ledger's lines."""
    path = write_plan(cohort.parents[1] / "plan.yaml", ["dose"])
    records = []
    for k, digest in enumerate(digests):
        records.append(cohort / f"dose/fold-{k}/model.json")
        records[-1].parent.mkdir(parents=True, exist_ok=True)
        content = {
            "outputs": {"out": [{"digest": digest}]},
            "facts": {"model": {"ablation": "dose"}},
        }
        records[-1].write_text(json.dumps(content))
    open_test_set.main(
        ["--manifest", str(cohort / "manifest.tsv"), "--model-records", *map(str, records),
         "--plan", path, "--ledger", "test-openings.tsv",
         "--record", str(cohort / "test-openings.json")]
    )  # fmt: skip
    return openings.read(cohort / "test-openings.tsv")


def test_the_same_opening_is_noted_once_and_others_are_counted(cohort):
    (line,) = opened(cohort, "a", "b")
    assert line["patients"] == "2" and line["inputs"] == "1" and line["also_seen_in"] == "none"
    assert opened(cohort, "b", "a") == [line]  # repeated, whatever the order
    assert len(opened(cohort, "a", "c")) == 2  # trained again
    record = json.loads((cohort / "test-openings.json").read_text())
    assert record["facts"]["openings"] == 2 and record["facts"]["plan"]["inputs"] == ["dose"]
    assert str(cohort.parents[1]) not in json.dumps(record)


def noted(cohort, **changes) -> list[openings.Line]:
    """Note a plan as the one that results are evaluated under; the ledger's lines."""
    note_plan.main(
        ["--opening-record", str(cohort / "test-openings.json"), "--plan", plan(**changes),
         "--ledger", "test-openings.tsv", "--record", str(cohort / "analysis-plan.json")]
    )  # fmt: skip
    return openings.read(cohort / "test-openings.tsv")


def test_the_plan_of_the_opening_needs_no_line_and_another_one_does(cohort):
    (line,) = opened(cohort, "a", "b")
    assert noted(cohort) == [line]
    first, second = noted(cohort, ensemble="mean", seen_before="test")
    assert first == line and second["seen_before"] == "test"
    assert {k for k in line if line[k] != second[k]} == {
        "line", "plan", "seen_before", "previous", "digest",
    }  # fmt: skip
    assert len(noted(cohort)) == 3  # back to the first plan is another look
    (cohort / "test-openings.tsv").unlink()
    with pytest.raises(ValueError, match="is gone"):
        noted(cohort)
    with pytest.raises(ValueError, match="ledger of 3 test openings is gone"):
        opened(cohort, "a", "b")


def test_another_cohort_that_tested_the_same_patients_is_named(cohort):
    other = cohort.parent / "first"
    shutil.copytree(cohort, other)
    assert opened(cohort, "a", "b")[0]["also_seen_in"] == "none"  # it was never opened
    (other / "dose").mkdir()
    (other / "dose/test-predictions.tsv").write_text("x")
    assert opened(cohort, "a", "c")[1]["also_seen_in"] == "first"
    table = pd.read_csv(other / "manifest.tsv", sep="\t").assign(split="train")
    table.to_csv(other / "manifest.tsv", sep="\t", index=False)
    assert opened(cohort, "a", "d")[2]["also_seen_in"] == "none"  # its patients are others


def test_a_ledger_that_was_edited_is_not_continued(cohort):
    opened(cohort, "a", "b")
    path = cohort / "test-openings.tsv"
    edited = path.read_text().replace("\t2\t1\t", "\t1\t1\t")
    path.write_text(edited)
    with pytest.raises(ValueError, match="edited or damaged"):
        opened(cohort, "a", "c")
    assert path.read_text() == edited


def test_the_code_that_counts_is_that_of_the_models_network():
    named = {"facts": {"model": {"network": "densenet121"}}}
    assert open_test_set.network_of([named, named]) == "densenet121"
    assert open_test_set.network_of([{"facts": {"model": {}}}]) == "resnet18"
    with pytest.raises(ValueError, match="train those of one network"):
        open_test_set.network_of([named, {"facts": {"model": {}}}])
