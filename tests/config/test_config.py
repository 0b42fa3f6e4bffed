"""config: the shipped files are valid, every slip is named with key and value."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest
import yaml

from ricenet.config import config

CONFIG = Path(__file__).parents[2] / "config"


def shipped() -> dict:
    return yaml.safe_load((CONFIG / "config.yaml").read_text())


def merged(base: dict, over: dict) -> dict:
    """As Snakemake merges --configfile over the workflow's own."""
    out = copy.deepcopy(base)
    for key, value in over.items():
        both = isinstance(value, dict) and isinstance(out.get(key), dict)
        out[key] = merged(out[key], value) if both else value
    return out


def changed(path: str, value: object) -> dict:
    values = shipped()
    *sections, key = path.split(".")
    place = values
    for section in sections:
        place = place[section]
    place[key] = value
    return values


def test_shipped_configuration_is_valid_and_means_what_it_says() -> None:
    found = config.validate(shipped())
    assert [c.name for c in found.channels] == ["postop", "event", "dose"]
    assert found.crop.shape == (224, 224, 224) and found.registration.transform == "rigid"
    assert config.warnings(found) == []
    # nothing is added, converted or lost on the way to a step
    sections = [k for k, v in shipped().items() if isinstance(v, dict)]
    for key in sections:
        field = "registration" if key == "register" else key
        assert json.loads(config.json_text(getattr(found, field))) == shipped()[key]
    assert len(sections) == 42


def test_demo_over_the_shipped_configuration_is_valid() -> None:
    demo = yaml.safe_load((CONFIG / "demo" / "config.yaml").read_text())
    found = config.validate(merged(shipped(), demo))
    assert found.study == "demo" and found.crop.shape == (88, 104, 88)
    assert found.train_model.model.width == 0.25
    assert found.train_model.augmentation == config.validate(shipped()).train_model.augmentation


def test_sequences_over_the_shipped_configuration_are_valid() -> None:
    own = yaml.safe_load((CONFIG / "sequences" / "config.yaml").read_text())
    found = config.validate(merged(shipped(), own))
    assert {c.sequence for c in found.channels} == {"T1ce", "T1", "T2", "FLAIR"}
    assert {c.visit for c in found.channels} == {"event"}


def test_every_section_is_needed() -> None:
    for key in shipped():
        values = shipped()
        del values[key]
        with pytest.raises(ValueError, match=rf"\n  {key}: this key has no value"):
            config.validate(values)


TWICE = [{"name": "event", "kind": "mri"}, {"name": "event", "kind": "dose"}]
MASK = {"name": "gtv", "kind": "mask", "of": "postop"}
ONE_MRI = [{"name": "event", "kind": "mri"}, {"name": "dose", "kind": "dose"}]


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("crop.shpae", 3, r"crop\.shpae: unknown key; did you mean 'shape'\? \(value: 3\)"),
        ("stduy", "x", r"stduy: unknown key; did you mean 'study'\? \(value: 'x'\)"),
        (
            "train_model.epochs",
            "many",
            r"train_model\.epochs: must be a whole number \(value: 'many'\)",
        ),
        ("train_model.epochs", 0, r"train_model\.epochs: .*greater than 0 \(value: 0\)"),
        ("train_model.model.stem_stride", 3, r"train_model\.model\.stem_stride: .*\(value: 3\)"),
        ("train_model.learning_rate", float("inf"), r"learning_rate: .*finite.*\(value: inf\)"),
        (
            "evaluate.contrasts",
            [["dose", "dose"]],
            r"contrasts: \['dose'\] against itself; name two",
        ),
        ("evaluate.contrasts", [["dose"]], r"evaluate\.contrasts\.0: must have at least 2"),
        ("evaluate.prevalences", [18], r"evaluate\.prevalences\.0: must be less than 1"),
        ("crop.shape", [224, 224], r"crop\.shape\.2: this key has no value"),
        (
            "register.transform",
            "elastic",
            r"register\.transform: must be .*'rigid'.*\(value: 'elastic'\)",
        ),
        ("register.min_mask_dice", 90, r"register\.min_mask_dice: .*\(value: 90\)"),
        ("register.seed", 0, r"register\.seed: .*greater than 0 \(value: 0\)"),
        ("cache.dose_scale_gy", -60, r"cache\.dose_scale_gy: .*\(value: -60\)"),
        ("resample.interpolator", "nearest", r"resample\.interpolator: .*\(value: 'nearest'\)"),
        ("study", "../other", r"study: .*\(value: '\.\./other'\)"),
        ("study", "a;b", r"study: .*\(value: 'a;b'\)"),
        ("reference", "dose", r"reference: 'dose' is not an MRI channel"),
        ("reference", "flair", r"reference: 'flair' is not an MRI channel \(\['postop', 'event'\]"),
        ("channels", ONE_MRI, r"dose_anchor: 'postop' is not an MRI channel \(\['event'\]"),
        ("channels", TWICE, r"\['event'\] named more than once"),
        ("channels", [{"name": "ct", "kind": "mri"}], r"\['ct'\] are other columns"),
        ("channels", [{"name": "label", "kind": "mri"}], r"\['label'\] are other columns"),
        ("channels", [{"name": "a b", "kind": "mri"}], r"channels\.0\.name: .*\(value: 'a b'\)"),
        ("channels", [], r"channels: .*at least 1"),
        ("channels", [ONE_MRI[0], MASK], r"'gtv' is of 'postop', which is neither"),
        ("channels", [MASK | {"of": None}], r"channels.0: .*of: name the image that 'gtv' was"),
        (
            "channels",
            [{"name": "event", "kind": "mri"}, {"name": "dose", "kind": "dose", "visit": "v1"}],
            r"\['visit'\] are keys of an MRI; 'dose' is a dose",
        ),
        (
            "channels",
            [{"name": n, "kind": "mri", "visit": "v1"} for n in ("event", "postop")],
            "event and postop are both T1ce of visit 'v1'; give one of them another",
        ),
        (
            "channels",
            [
                {"name": "event", "kind": "mri"},
                {"name": "postop", "kind": "mri", "sequence": "FLAIR"},
                {"name": "dose", "kind": "dose"},
            ],
            r"dose_anchor: 'postop' is of another sequence than the reference.*\['event'\]",
        ),
        ("channels", [MASK | {"kind": "mri"}], r"\['of'\] are keys of a mask; 'gtv' is an MRI"),
        ("channels", [MASK | {"volume_ml": [9, 2]}], r"volume_ml: write the smallest volume first"),
        ("channels", [MASK | {"values": [0]}], r"channels.0.values.0: .*\(value: 0\)"),
    ],
)
def test_slip_is_named_with_key_and_value(path: str, value: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        config.validate(changed(path, value))


def test_all_slips_are_named_at_once() -> None:
    values = merged(shipped(), {"crop": {"a": 1}, "zscore": {"b": 2}, "report": {"title": 5}})
    with pytest.raises(ValueError) as caught:
        config.validate(values)
    assert len(str(caught.value).splitlines()) == 4


def test_settings_do_not_depend_on_the_order_of_keys_and_do_on_values() -> None:
    def text(values: dict) -> str:
        return config.json_text(config.validate(values).train_model)

    backwards = {
        k: dict(reversed(v.items())) if isinstance(v, dict) else v
        for k, v in reversed(shipped().items())
    }
    assert text(backwards) == text(shipped())
    assert config.json_text({"b": {"d": 1, "c": 2}, "a": 3}) == '{"a":3,"b":{"c":2,"d":1}}'
    assert text(changed("train_model.learning_rate", 2e-4)) != text(shipped())
    assert text(changed("predict.batch_size", 7)) == text(shipped())


def test_zscored_dose_is_warned_of() -> None:
    (text,) = config.warnings(config.validate(changed("cache.dose_scaling", "zscore")))
    assert text.startswith("cache.dose_scaling is zscore") and "cancels" in text
