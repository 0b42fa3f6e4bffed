"""The table of normalisations holds together with the steps, the settings, the audit, the texts."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path
from typing import get_args

import pytest

from ricenet import normalisations
from ricenet.audit import invariants
from ricenet.config.preprocess import Zscore
from ricenet.normalisations import NORMALISATIONS, Normalisation
from ricenet.provenance.steps import STEPS
from ricenet.study.study import Study
from studies import make

DARK = Normalisation("nowhere", "0 to 1", "the darkest voxel", "the range", standardised=False)


def test_rows_are_steps_choices_and_formulas_of_the_audit():
    assert list(NORMALISATIONS) == list(get_args(Zscore.model_fields["method"].annotation))
    assert NORMALISATIONS.keys() == invariants.NORMALISED.keys()
    for name in NORMALISATIONS:
        assert callable(import_module(STEPS[name].module).main)


def test_zscore_is_as_it_was():
    """Its row does not count as code: what another value would change is held here."""
    row = NORMALISATIONS["zscore"]
    assert row.standardised and row.words == "mean 0 and standard deviation 1 in the brain"
    assert normalisations.cautions("zscore") == []


@pytest.fixture
def dark(tmp_path: Path, monkeypatch) -> Study:
    """A study of a normalisation whose 0 is not the mean."""
    monkeypatch.setitem(NORMALISATIONS, "dark", DARK)
    monkeypatch.setitem(STEPS, "dark", STEPS["crop"])
    study = make(tmp_path)
    study.normalisation = "dark"
    return study


def test_what_takes_z_scores_for_granted_is_left_out_of_others(dark: Study, tmp_path: Path):
    assert dark.enhancement_text == "[]" and dark.subtracted == []
    other = make(tmp_path / "other")
    assert json.loads(other.enhancement_text) == other.subtracted == ["postop", "event"]


def test_another_normalisation_has_its_own_code_and_the_settings_of_all(dark: Study, tmp_path):
    other = make(tmp_path / "other")
    assert dark.settings("dark") == dark.settings("zscore") == "{}"
    mine, theirs = (json.loads(s.preprocessing())["zscore"] for s in (dark, other))
    assert mine[0] == theirs[0] and mine[1] == dark.code("crop") != theirs[1]


def test_what_else_changes_its_meaning_is_said(monkeypatch):
    monkeypatch.setitem(NORMALISATIONS, "dark", DARK)
    (text,) = normalisations.cautions("dark")
    assert "0 is the darkest voxel" in text and "mri_fill" in text and "noise" in text
