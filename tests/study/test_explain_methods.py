from __future__ import annotations

from ricenet.config.config import Config
from ricenet.provenance.steps import STEPS
from ricenet.study import explain_methods
from ricenet.study.explain_methods import METHODS


def test_each_method_is_a_step_with_settings_of_its_own():
    for step in METHODS:
        assert STEPS[step].module == f"ricenet.explain.{step}"
        section = Config.model_fields[step].annotation
        assert "ablations" in section.model_fields


def test_no_two_methods_share_a_folder(monkeypatch):
    folders = [method.folder for method in METHODS.values()]
    assert len(set(folders)) == len(folders)
    monkeypatch.setitem(METHODS, "noise_map", explain_methods.Method("noise"))
    assert list(explain_methods.further())[-1] == "noise_map"
    found = explain_methods.files("cohorts/{cohort}/{ablation}")
    assert found["noise_map"] == "cohorts/{cohort}/{ablation}/noise/{subject}.nii.gz"
    assert found["noise_map_record"] == "cohorts/{cohort}/{ablation}/noise/{subject}.json"
    assert len(set(found.values())) == len(found) == 2 * len(METHODS)
