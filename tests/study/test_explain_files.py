"""explained: which files say what the maps mean."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

from ricenet.study.explain_files import ExplainFiles
from studies import COHORT, TWO, make, occlusion

FOLDER = "results/rice-net/cohorts/c1/postop-event-dose"


def test_files_of_the_test_subjects(tmp_path: Path) -> None:
    found = ExplainFiles(make(tmp_path, **occlusion("postop-event-dose")))
    assert found.natives() == [f"{FOLDER}/occlusion/P5_native.nii.gz"]
    assert found.summaries() == [f"{FOLDER}/occlusion-summary.tsv"]
    assert found.counterfactuals() == [f"{FOLDER}/dose-counterfactuals.tsv"]
    assert found.statistics() == [f"{FOLDER}/occlusion-statistics.tsv"]
    tables = [*found.summaries(), *found.statistics(), *found.counterfactuals()]
    assert found.files() == found.natives() + tables
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


def test_a_map_keeps_its_settings_where_others_are_asked_for(tmp_path: Path) -> None:
    """The text of the release, whose default was this one combination: its maps stay."""
    w = SimpleNamespace(ablation="postop-event-dose")
    every = ExplainFiles(make(tmp_path))
    assert len(every.ablations) == 7
    former = make(tmp_path, **occlusion("postop-event-dose")).settings("occlusion_map")
    assert every.settings(w) == former
    some = ExplainFiles(make(tmp_path, **occlusion("dose", "postop")))
    assert json.loads(some.settings(w))["ablations"] == ["dose", "postop"]


def test_controls_of_maps(tmp_path: Path) -> None:
    own = {"permutations": 1, "seeds": 1, "learning_percent": [], "untrained": 2,
           "ablations": ["dose"], "accepted_trainings": 0}  # fmt: skip
    w = SimpleNamespace(ablation="dose", control="untrained-0002")
    found = ExplainFiles(make(tmp_path, controls=own))
    assert found.controls("dose") == ["untrained-0001", "untrained-0002"]
    assert found.controls("postop") == []
    cohort = "results/rice-net/cohorts/c1"
    assert found.control_models(w) == [f"{cohort}/dose/fold-{k}/model.safetensors" for k in (0, 1)]
    accepted = ExplainFiles(make(tmp_path, controls=own | {"accepted_trainings": 99}))
    assert (
        accepted.controls("dose")[-1] == "permutation-0001" and len(accepted.controls("dose")) == 3
    )
    w.control = "permutation-0001"
    assert accepted.control_models(w)[0] == (
        f"{cohort}/controls/permutation-0001/dose/fold-0/control-model.safetensors"
    )
    assert accepted.control_cubes(w)[0] == (
        f"{cohort}/controls/untrained-0001/dose/occlusion/control-P5_cubes.safetensors"
    )
