"""gradient_gate: no training without it; verdicts are shared on a CPU; gradients end a training."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
from monai.networks.nets import resnet18

from fake_cohort import SOUND_IN_BF16, TRAIN, make_cohort, train_arguments, train_settings
from ricenet.networks import layer_errors, verdicts
from ricenet.train import gradient_gate, loop, train_model
from ricenet.train.fit_to_device import Fit
from wrong_kernels import AVX512_KERNELS, half_is_wrong, needs_avx512, run_with

SOUND = {"stem_stride": 1, "width": 0.125}


@pytest.fixture(autouse=True)
def own_verdicts(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    return make_cohort(tmp_path_factory.mktemp("study"), shape=SOUND_IN_BF16)


def arguments(manifest, name, **changes):
    settings = {**TRAIN, "epochs": 2, "model": SOUND, **changes}
    folder = manifest.parent / name
    return folder, train_arguments(manifest, folder, ablation="dose", fold=0, settings=settings)


def run(manifest, name, **changes):
    folder, argv = arguments(manifest, name, **changes)
    train_model.main(argv)
    return json.loads((folder / "model.json").read_text()), (folder / "log").read_text()


def test_a_training_that_would_be_wrong_writes_nothing_and_names_the_layer(manifest, monkeypatch):
    half_is_wrong(monkeypatch, 32)
    with pytest.raises(ValueError, match=r"does not train in bf16: layer3.*precision to fp32"):
        run(manifest, "wrong", precision="bf16")
    folder = manifest.parent / "wrong"
    assert not list(folder.glob("model*")) and not list(folder.glob("resume*"))
    assert "layer3" in (folder / "log").read_text()
    run(manifest, "right", precision="fp32")  # the same kernels, asked for what they can


def test_the_known_fault_ends_a_training_before_it_starts(manifest):
    needs_avx512()
    _, argv = arguments(
        manifest, "known", precision="bf16", model={"stem_stride": 2, "width": 0.125}
    )
    code = f"""
from ricenet.train import train_model
try:
    train_model.main({argv!r})
except ValueError as error:
    print(error)
"""
    found = run_with(AVX512_KERNELS, code)
    assert "does not train in bf16: layer4." in found and "and 3 other layers" in found
    assert not (manifest.parent / "known" / "model.safetensors").exists()


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_the_figures_are_in_the_record(manifest, precision):
    record, log = run(manifest, f"figures-{precision}", precision=precision)
    gate, (check,) = record["facts"]["gradient_gate"], record["checks"]
    limit = layer_errors.LIMITS[precision]
    assert gate["given_up"] == [] and len(gate["errors"]) == 43
    assert check["check"] == "gradient-error" and check["verdict"] == "pass"
    error = max(gate["errors"].values())
    assert 0 < check["value"] == pytest.approx(error / limit, rel=0.01)
    assert check["at_most"] == 1 and "gradient gate: 43 layers within" in log
    assert (1e-3 < error < limit) == (precision == "bf16")  # rounding of that precision


def test_trainings_of_one_shape_share_a_verdict(manifest, monkeypatch):
    trials = []
    right = layer_errors.of_training_step
    monkeypatch.setattr(
        layer_errors, "of_training_step", lambda *a, **k: trials.append(a) or right(*a, **k)
    )
    first, _ = run(manifest, "first")
    second, log = run(manifest, "second")
    assert len(trials) == 1 and "by a job before on this machine" in log
    figures = second["facts"]["gradient_gate"]
    assert figures.pop("found_by") == "a job before on this machine"
    assert first["facts"]["gradient_gate"] == figures | {"found_by": "this job"}
    run(manifest, "third", model={"stem_stride": 1, "width": 0.25})
    assert len(trials) == 2
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "DEFAULT")
    run(manifest, "fourth")
    assert len(trials) == 3


def test_a_verdict_names_no_machine(manifest, tmp_path):
    run(manifest, "anonymous")
    (path,) = (tmp_path / "cache" / "ricenet").iterdir()
    machine = verdicts.machine(torch.device("cpu"))
    assert machine["node"] and machine["node"] not in path.read_text() + path.name


def test_without_a_cache_folder_every_job_finds_out(manifest, monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    for name in ("one", "two"):
        record, log = run(manifest, name)
        assert record["checks"] and "by a job before" not in log


def test_what_was_given_up_is_said_again(monkeypatch, tmp_path):
    fit = Fit(2, False, True, False, False, "library", False)
    settings = train_settings(batch_size=2, model=SOUND)
    settled = gradient_gate.Settled(fit, {"conv1": 1e-6}, {"conv1": 1e-3}, ["fused failed"])
    monkeypatch.setattr(gradient_gate, "settle", lambda *a, **k: settled)
    for _ in range(2):
        said = []
        found = gradient_gate.pass_gate(
            fit,
            settings=settings,
            subjects=4,
            channels=1,
            shape=(16, 16, 16),
            say=said.append,
        )
        assert found._replace(shared=False) == settled
    assert found.shared
    assert said[0] == "fused failed" and "by a job before" in said[1]


def gate(fit=None, shape=(16, 16, 16), **changes):
    settings = train_settings(**{"batch_size": 2, "model": SOUND, **changes})
    fit = fit or Fit(2, False, True, False, False, "library", False)
    return gradient_gate.pass_gate(
        fit, settings=settings, subjects=4, channels=1, shape=shape, say=lambda _: None
    )


def counted_settle(monkeypatch, **changes):
    """Stand-in of the ladder that is asked once a verdict."""
    asked = []

    def settle(fit, *_, **__):
        asked.append(fit)
        return gradient_gate.Settled(fit, {"conv1": 1e-6}, {"conv1": 1e-3}, [])._replace(**changes)

    monkeypatch.setattr(gradient_gate, "settle", settle)
    return asked


WRONG_FITS = [{"samples": 0}, {"samples": "4"}, {"samples": 3}, {"bf16": "yes"}, {"other": 1}]


@pytest.mark.parametrize("change", WRONG_FITS)
def test_a_verdict_with_a_fit_that_is_none_is_none(monkeypatch, change, tmp_path):
    asked = counted_settle(monkeypatch)
    gate(), gate()
    assert len(asked) == 1
    (path,) = (tmp_path / "cache" / "ricenet").iterdir()
    verdict = json.loads(path.read_text())
    verdict["fit"] |= change
    path.write_text(json.dumps(verdict))
    assert not gate().shared and len(asked) == 2


@pytest.mark.parametrize("damage", ["", "[]", "{}", '{"fit": {}}', "error", "none", "null"])
def test_a_damaged_verdict_is_none(monkeypatch, damage, tmp_path):
    asked = counted_settle(monkeypatch)
    gate(), gate()
    assert len(asked) == 1
    (path,) = (tmp_path / "cache" / "ricenet").iterdir()
    verdict = json.loads(path.read_text())
    verdict["errors"]["conv1"] = 1.0  # beyond the limit: nobody kept that
    verdict |= {"none": {"errors": {}}, "null": {"given_up": None}}.get(damage, {})
    path.write_text(json.dumps(verdict) if damage in ("error", "none", "null") else damage)
    assert not gate().shared and len(asked) == 2
    assert gate().shared


def test_another_shape_has_another_verdict(monkeypatch):
    asked = counted_settle(monkeypatch)
    gate(), gate(shape=(16, 16, 18)), gate()
    assert len(asked) == 2


def test_each_training_on_a_gpu_finds_out_for_itself(monkeypatch):
    asked = counted_settle(monkeypatch)
    monkeypatch.setattr(gradient_gate, "choose_device", lambda name: torch.device("cuda"))
    monkeypatch.setattr(verdicts, "machine", lambda device: {"device": device.type})
    monkeypatch.setattr(gradient_gate, "release", lambda device: None)
    gate(), gate()
    assert len(asked) == 2


def test_a_want_of_memory_is_not_kept(monkeypatch):
    asked = counted_settle(monkeypatch, lasting=False, given_up=["MemoryError in a trial step"])
    gate(), gate()
    assert len(asked) == 2


def test_a_training_takes_the_path_that_the_gate_found(manifest, monkeypatch):
    """Planned: the whole batch at once; found: one sample at a time."""
    right, prepared = train_model.gradient_gate.pass_gate, []
    prepare = train_model.fit_to_device.prepare

    def found(fit, **named):
        assert fit.samples == TRAIN["batch_size"] > 1
        settled = right(fit, **named)
        return settled._replace(fit=settled.fit._replace(samples=1))

    monkeypatch.setattr(train_model.gradient_gate, "pass_gate", found)
    monkeypatch.setattr(
        train_model.fit_to_device,
        "prepare",
        lambda network, fit, *, name: prepared.append(fit) or prepare(network, fit, name=name),
    )
    record, _ = run(manifest, "found", epochs=1)
    assert [fit.samples for fit in prepared if fit.samples == 1] == [1] == [prepared[-1].samples]
    assert record["facts"]["samples"] == 1


def test_wrong_predictions_in_bf16_are_refused_before_a_training(manifest, monkeypatch):
    run(manifest, "sound", validation_precision="bf16")
    monkeypatch.setenv("XDG_CACHE_HOME", str(manifest.parent / "another"))  # verdicts of none
    half_is_wrong(monkeypatch, 32, fault="output")
    remedy = "does not predict in bf16: layer layer3.*set train_model.validation_precision to fp32"
    with pytest.raises(ValueError, match=remedy):
        run(manifest, "unsound", validation_precision="bf16")


@pytest.mark.parametrize("only", ["batch", "memory format", "float32"])
def test_predictions_are_looked_at_as_validation_makes_them(manifest, monkeypatch, only):
    """A kernel that is wrong for whole batches, for channels-last weights, or in float32 alone."""
    right = torch.nn.Conv3d._conv_forward

    def wrong(self, x, weight, bias):
        y = right(self, x, weight, bias)
        contiguous = weight.is_contiguous()
        chosen = {"batch": len(x) > 1, "memory format": not contiguous, "float32": True}[only]
        predicts = self.in_channels == 8 and not torch.is_grad_enabled() and not self.training
        return 1.5 * y if chosen and predicts else y

    monkeypatch.setattr(torch.nn.Conv3d, "_conv_forward", wrong)
    precision = "fp32" if only == "float32" else "bf16"
    with pytest.raises(ValueError, match=rf"does not predict in {precision}: layer layer[12]\."):
        run(manifest, "predicts", precision="bf16", validation_precision=precision)


def out_of_memory_in(epoch):
    """Epochs as they are, but for one in which the device fails."""
    right, calls = loop.train_epoch, []

    def run_epoch(*args, **kwargs):
        calls.append(1)
        if len(calls) == epoch:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.6 GiB")
        return right(*args, **kwargs)

    return run_epoch


def test_epochs_go_on_along_the_path_that_they_began_on(manifest, monkeypatch):
    """Less memory is free at the second start: planned anew, one sample would go at once."""
    run(manifest, "whole", epochs=4, checkpoint_epochs=2)
    with monkeypatch.context() as patch:
        patch.setattr(loop, "train_epoch", out_of_memory_in(epoch=3))
        with pytest.raises(ValueError, match="goes on after epoch 2"):
            run(manifest, "less", epochs=4, checkpoint_epochs=2)
    planned = train_model.fit_to_device.planned
    monkeypatch.setattr(
        train_model.fit_to_device, "planned", lambda *a: planned(*a)._replace(samples=1)
    )
    record, log = run(manifest, "less", epochs=4, checkpoint_epochs=2)
    assert "resumed after epoch 2" in log and record["facts"]["samples"] > 1
    files = [manifest.parent / name / "model.safetensors" for name in ("whole", "less")]
    assert files[0].read_bytes() == files[1].read_bytes()


def test_epochs_on_a_path_that_is_gone_are_not_gone_on_with(manifest, monkeypatch):
    passed = gradient_gate.pass_gate
    monkeypatch.setattr(loop, "train_epoch", out_of_memory_in(epoch=3))
    with pytest.raises(ValueError, match="goes on after epoch 2"):
        run(manifest, "gone", epochs=4, checkpoint_epochs=2)

    def smaller(fit, **named):
        settled = passed(fit, **named)
        return settled._replace(fit=settled.fit._replace(samples=1))

    monkeypatch.setattr(gradient_gate, "pass_gate", smaller)
    _, log = run(manifest, "gone", epochs=4, checkpoint_epochs=2)
    assert "2 epochs were computed in a configuration" in log
    assert "the training starts again" in log
    assert len((manifest.parent / "gone" / "history.tsv").read_text().splitlines()) == 5


# --- gradients of the training itself


def test_norms_of_the_gradients_are_those_of_a_plain_loop(manifest):
    """One step without augmentation, in MONAI's network and with torch's own norm."""
    still = {**TRAIN["augmentation"], "probability": 0.0}
    changes = {"epochs": 1, "batch_size": 12, "augmentation": still}
    folder, argv = arguments(manifest, "norms", **changes)
    seen = []
    right = loop.draw_subjects
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            loop, "draw_subjects", lambda *a, **k: seen.append(right(*a, **k)) or seen[-1]
        )
        train_model.main(argv)
    history = pd.read_csv(folder / "history.tsv", sep="\t")
    torch.manual_seed(train_model.derive_seed(TRAIN["seed"], "weights", "dose", 0))
    network = resnet18(
        spatial_dims=3, n_input_channels=1, num_classes=2, conv1_t_size=7,
        conv1_t_stride=1, widen_factor=0.125, shortcut_type="B",
    )  # fmt: skip
    table = pd.read_csv(manifest, sep="\t")
    rows = table[(table["split"] == "train") & (table["fold"] != 0)].iloc[seen[0]]
    images = [np.load(manifest.parent / path)[[2]].astype(np.float32) for path in rows["cache"]]
    logits = network.train()(torch.from_numpy(np.stack(images)))
    torch.nn.functional.cross_entropy(logits, torch.tensor(rows["label"].to_list())).backward()
    expected = torch.nn.utils.get_total_norm([p.grad for p in network.parameters()]).item()
    assert len(seen[0]) == 12
    for name in ("gradient_norm_median", "gradient_norm_largest"):
        assert history[name].iloc[0] == pytest.approx(expected, rel=1e-3)


def test_a_gradient_that_is_no_number_ends_the_training(manifest, monkeypatch):
    """The gradient of one layer becomes NaN in the second epoch, and the loss does not."""
    norms = loop.train_epoch
    calls = []

    def spoilt(network, *args, **kwargs):
        calls.append(network)
        if len(calls) == 2:
            weight = network.layer3[0].conv2.weight
            weight.register_hook(lambda g: torch.full_like(g, float("nan")))
        return norms(network, *args, **kwargs)

    monkeypatch.setattr(loop, "train_epoch", spoilt)
    with pytest.raises(
        ValueError, match=r"layer3\.0\.conv2\.weight is NaN or infinite in epoch 2, step 1"
    ):
        run(manifest, "spoilt", epochs=3)
    assert not (manifest.parent / "spoilt" / "model.safetensors").exists()


def test_an_error_of_the_device_says_where_it_goes_on(manifest, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(loop, "train_epoch", out_of_memory_in(epoch=4))
        with pytest.raises(
            ValueError, match=r"failed in epoch 4: its memory ran out.*after epoch 2"
        ):
            run(manifest, "failing", epochs=5, checkpoint_epochs=2)
    _, log = run(manifest, "failing", epochs=5, checkpoint_epochs=2)
    assert "resumed after epoch 2" in log
