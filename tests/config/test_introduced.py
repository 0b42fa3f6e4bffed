"""introduced: an option that is added later runs nothing again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fake_cohort import TRAIN, make_cohort, train_arguments
from ricenet.config import introduced
from ricenet.train import train_model
from studies import make

GOLDEN = Path(__file__).parent / "golden_settings.json"
KEYS = st.sampled_from(["a", "b", "inner.c"])
VALUES = st.sampled_from([0, 1, None, "x", [1, 2]])


def texts(tmp_path) -> dict[str, str]:
    study = make(tmp_path)
    sections = [f for f in type(study.config).model_fields if f != "registration"]
    sections = [s for s in [*sections, "register"] if hasattr(_field(study, s), "model_dump")]
    return {section: study.settings(section) for section in sorted(sections)}


def _field(study, section):
    return getattr(study.config, "registration" if section == "register" else section)


def test_the_settings_texts_of_all_steps_are_those_of_the_release(tmp_path):
    """A new key belongs into introduced.LATER, with the value that changes nothing.

    A text that must differ makes every finished study run that step again: then say so in the
    changelog, and write the new text into golden_settings.json.
    """
    assert texts(tmp_path) == json.loads(GOLDEN.read_text())


@given(a=VALUES, b=VALUES, c=VALUES)
def test_what_is_left_out_is_filled_in(a, b, c):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(introduced, "LATER", {"part": {"a": 1, "inner.c": None}})
        values = {"a": a, "b": b, "inner": {"c": c}}
        short = introduced.leave_out("part", values)
        assert ("a" in short) == (a != 1) and ("c" in short["inner"]) == (c is not None)
        assert short["b"] == b
        assert introduced.fill_in("part", short) == values
        assert (
            introduced.leave_out("other", values) == values == introduced.fill_in("other", values)
        )


def test_a_step_reads_a_later_key_that_its_text_lacks(tmp_path, monkeypatch):
    later = {**introduced.LATER["train_model"], "norm_statistics": "running"}
    monkeypatch.setattr(introduced, "LATER", {"train_model": later})
    short = introduced.leave_out("train_model", {**TRAIN, "epochs": 1})
    assert "norm_statistics" not in short and "norm_statistics" in TRAIN
    manifest = make_cohort(tmp_path)
    train_model.main(
        train_arguments(manifest, tmp_path / "out", ablation="dose", fold=0, settings=short)
    )
    record = json.loads((tmp_path / "out" / "model.json").read_text())
    assert record["settings"] == short  # as it ran: the audit compares texts


def test_the_text_of_a_study_lacks_a_later_key_at_its_default_only(tmp_path, monkeypatch):
    monkeypatch.setattr(introduced, "LATER", {"predict": {"batch_size": 2}})
    at_default = make(tmp_path / "one")
    assert "batch_size" not in json.loads(at_default.settings("predict"))
    changed = make(tmp_path / "two", predict={"batch_size": 1, "device": "auto"})
    assert json.loads(changed.settings("predict"))["batch_size"] == 1


def test_keys_that_came_later_keep_the_value_that_changed_nothing() -> None:
    """A row that changes would leave a setting out of a text that another value has written."""
    known = {
        "ingest_dose": {"min_fraction_gy": 1.0, "max_fraction_gy": 8.0, "min_course_gy": 20.0},
        "align": {"max_frame_mm": 3.0},
        "register": {
            "max_repeatability_mm": 1.5,
            "max_brain_in_bone": 0.01,
            "min_information": 0.04,
            "min_left_right_information": 0.015,
        },
        "zscore": {"method": "zscore"},
        "train_model": {
            "model.network": "resnet18",
            "model.thresholds": [],
            "model.stem_kernel": None,
            "model.norm": "batch",
            "model.pooling": None,
            "model.dropout": 0.0,
            "averaged_weights": 0.0,
            "schedule": "constant",
            "warmup": 0.0,
            "optimizer": "adam",
            "label_smoothing": 0.0,
            "augmentation.mirror": 0.0,
        },
        "controls": {"untrained": 0},
        "evaluate": {"prevalences": [0.18], "contrasts": None},
        "report": {"statements": None, "synthetic": False},
    }
    assert known == introduced.LATER  # a new key is added here, too; nothing is taken away
