"""explained: which files say what the maps mean."""

from __future__ import annotations

from pathlib import Path

from ricenet.study.explain_files import ExplainFiles
from studies import COHORT, TWO, make, occlusion

FOLDER = "results/rice-net/cohorts/c1/postop-event-dose"


def test_files_of_the_test_subjects(tmp_path: Path) -> None:
    found = ExplainFiles(make(tmp_path))
    assert found.natives() == [f"{FOLDER}/occlusion/P5_native.nii.gz"]
    assert found.summaries() == [f"{FOLDER}/occlusion-summary.tsv"]
    assert found.counterfactuals() == [f"{FOLDER}/dose-counterfactuals.tsv"]
    assert found.files() == found.natives() + found.summaries() + found.counterfactuals()
    assert found.ledgers() == ["results/rice-net/subjects/P5/dose_native.json"]


def test_nothing_without_test_subjects(tmp_path: Path) -> None:
    assert ExplainFiles(make(tmp_path, cohort=COHORT[:4])).files() == []


def test_other_doses_are_for_ablations_with_a_dose(tmp_path: Path) -> None:
    found = ExplainFiles(make(tmp_path, **occlusion("postop-event", "dose")))
    assert len(found.summaries()) == 2 and len(found.counterfactuals()) == 1
    assert "/dose/" in found.counterfactuals()[0]
    without = ExplainFiles(make(tmp_path, channels=TWO, **occlusion("postop-event")))
    assert without.counterfactuals() == without.ledgers() == []
    assert len(without.summaries()) == 1
