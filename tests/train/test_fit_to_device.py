"""fit_to_device: each path that may fail has a simpler one; what is given up is said, and why."""

import copy
import gc
import subprocess
from graphlib import TopologicalSorter

import pytest
import torch

from built_networks import model_of
from fake_cohort import SOUND_IN_BF16, train_settings
from ricenet.networks import build, layer_errors, max_pool_gradient, resnet_stem
from ricenet.train import fit_to_device, trial
from ricenet.train.fallbacks import Trouble, settle, simpler
from ricenet.train.fit_to_device import Fit, prepare
from wrong_kernels import half_is_wrong

CPU, GPU = torch.device("cpu"), torch.device("cuda")
SHAPE = SOUND_IN_BF16
FULL = Fit(  # as on a GPU
    samples=4,
    small_stem=True,
    resident=True,
    bf16=True,
    folded=True,
    gather="compiled",
    fused=True,
    tf32=True,
)
ON_CPU = FULL._replace(gather="library", fused=False, resident=True, tf32=False)


def real_trial(fit, **changes):
    model = {"stem_stride": 1, "width": 0.125}
    settings = train_settings(**{"batch_size": 4, "model": model, **changes})
    return trial.trial(fit, settings=settings, subjects=8, channels=1, shape=SHAPE)


def settled(fit, run=real_trial, *, automatic=True, device=CPU):
    said = []
    found = settle(fit, run, batch_size=4, automatic=automatic, device=device, say=said.append)
    assert said == found.given_up
    return found


def test_a_right_path_is_taken_as_planned():
    found = settled(ON_CPU)
    assert found.fit == ON_CPU and found.given_up == []
    assert set(found.errors) == set(found.limits) and "stem" in found.errors
    assert all(found.errors[name] <= found.limits[name] for name in found.errors)


def test_a_trial_leaves_the_random_numbers_alone():
    torch.manual_seed(3)
    expected = torch.randn(4)
    torch.manual_seed(3)
    real_trial(ON_CPU)
    assert torch.equal(torch.randn(4), expected)


def test_a_missing_compiler_costs_time_only(monkeypatch):
    def no_compiler(*tensors):
        raise torch._inductor.exc.InductorError(RuntimeError("no C++ compiler"), None)

    monkeypatch.setattr(max_pool_gradient, "compiled_gather", lambda: no_compiler)
    found = settled(ON_CPU._replace(gather="compiled"))
    assert found.fit == ON_CPU._replace(gather="eager")
    assert "no C++ compiler" in found.given_up[0] and "gather is now eager" in found.given_up[0]


def test_a_real_missing_compiler(monkeypatch, tmp_path):
    """As torch itself reports it; the environment decides what is found."""
    monkeypatch.setenv("CXX", str(tmp_path / "none"))
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / "cache"))
    from torch._inductor import config

    monkeypatch.setattr(config.cpp, "cxx", (None, str(tmp_path / "none")))
    max_pool_gradient.compiled_gather.cache_clear()
    found = settled(ON_CPU._replace(gather="compiled"))
    assert found.fit.gather == "eager" and len(found.given_up) == 1


def test_a_kernel_that_fails_for_the_folded_volume_is_done_without(monkeypatch):
    right = torch.nn.functional.conv3d

    def no_flat_kernels(x, weight, *args, **kwargs):
        if weight.shape[-1] == 1 and weight.shape[-2] == 7:
            raise RuntimeError("cuDNN error: CUDNN_STATUS_NOT_SUPPORTED")
        return right(x, weight, *args, **kwargs)

    monkeypatch.setattr(torch.nn.functional, "conv3d", no_flat_kernels)
    found = settled(ON_CPU)
    assert found.fit == ON_CPU._replace(folded=False)
    assert "CUDNN_STATUS_NOT_SUPPORTED" in found.given_up[0]


def test_a_stem_that_is_wrong_gives_way_to_the_plain_one(monkeypatch):
    right = resnet_stem.moments
    monkeypatch.setattr(resnet_stem, "moments", lambda y: (right(y)[0], 2 * right(y)[1]))
    found = settled(ON_CPU, automatic=False)
    assert not found.fit.small_stem and found.fit.bf16
    assert found.given_up[0].startswith("stem differs from float32 by")


@pytest.mark.parametrize("kind", ["fp32", "tf32", "bf16"])
def test_the_stems_wider_limit_is_no_other_layers(kind):
    fit = FULL._replace(bf16=kind == "bf16", tf32=kind != "fp32")
    limits = trial.limits_of(["stem", "layer1.0.conv1", "fc"], fit, GPU)
    other = {"fp32": 1e-3, "tf32": 2e-3, "bf16": 5e-2}[kind]
    assert limits == {
        "stem": {"fp32": 2e-2, "tf32": 5e-2, "bf16": 5e-2}[kind],
        "layer1.0.conv1": other,
        "fc": other,
    }


def test_a_fused_optimiser_that_fails_is_replaced(monkeypatch):
    step = torch.optim.Adam.step

    def no_fused(self, *args):
        if self.param_groups[0]["fused"]:
            raise RuntimeError("no kernel image is available")
        return step(self, *args)

    monkeypatch.setattr(torch.optim.Adam, "step", no_fused)
    found = settled(ON_CPU._replace(fused=True))
    assert found.fit == ON_CPU and "OptimizerError" in found.given_up[0]


def test_a_fused_optimiser_that_is_wrong_is_replaced(monkeypatch):
    step = torch.optim.Adam.step

    def twice_as_far(self, *args):
        group = self.param_groups[0]
        group["lr"] *= 2 if group["fused"] else 1
        step(self, *args)

    monkeypatch.setattr(torch.optim.Adam, "step", twice_as_far)
    found = settled(ON_CPU._replace(fused=True))
    assert found.fit == ON_CPU and "its step differs from the plain one's" in found.given_up[0]


def test_kernels_that_do_not_repeat_their_bits_check_those_that_do(monkeypatch):
    """As on a GPU, where max-pools have no gradient that repeats its bits."""
    pool = torch.nn.functional.max_pool3d

    def strict_pool(x, *args, **kwargs):
        y = pool(x, *args, **kwargs)
        if torch.is_tensor(y) and y.requires_grad:
            y.register_hook(refuse)
        return y

    def refuse(gradient):
        if torch.are_deterministic_algorithms_enabled():
            raise RuntimeError("max_pool3d_with_indices_backward_cuda has no deterministic version")
        return gradient

    monkeypatch.setattr(torch.nn.functional, "max_pool3d", strict_pool)
    torch.use_deterministic_algorithms(True)
    try:
        found = settled(ON_CPU._replace(gather="eager"))
        assert found.fit.small_stem and found.given_up == []
        assert torch.are_deterministic_algorithms_enabled()
    finally:
        torch.use_deterministic_algorithms(False)


@pytest.mark.parametrize(
    "text",
    [
        "cuDNN error: CUDNN_STATUS_ALLOC_FAILED",
        "CUDA error: out of memory",
        "GET was unable to find an engine to execute this computation",
        "[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory: you tried",
    ],
)
def test_memory_that_a_library_misses_is_memory(text):
    def run(fit):
        if fit.samples > 1:
            raise RuntimeError(text)
        return {"conv1": 0.0}

    assert settled(FULL, run).fit == FULL._replace(samples=1)


def test_a_trial_leaves_no_tensor_behind():
    real_trial(ON_CPU)
    gc.collect()
    before = sum(isinstance(o, torch.Tensor) for o in gc.get_objects())
    for _ in range(3):
        real_trial(ON_CPU)
    gc.collect()
    assert sum(isinstance(o, torch.Tensor) for o in gc.get_objects()) <= before


def test_wrong_layers_run_in_float32_and_no_other(monkeypatch):
    half_is_wrong(monkeypatch, 32)
    fit = ON_CPU._replace(small_stem=False)
    found = settled(fit)
    layers = found.fit.float32_layers
    assert layers and found.fit.bf16
    assert set(layers) <= {"layer3.0.conv2", "layer3.1.conv1", "layer3.1.conv2", "layer4.0.conv1"}
    assert f"float32_layers is now {' '.join(layers)}" in found.given_up[0]
    # what is left is the rounding of what goes in and out
    assert all(found.errors[name] < 5e-3 for name in layers)


def test_float32_layers_have_float32s_output():
    network, _ = fit_to_device.start(train_settings(), 1, CPU, seed=1, fused=False)
    names = [name for name, _ in layer_errors.layers(network)]
    fit = ON_CPU._replace(small_stem=False, float32_layers=tuple(names))
    batch = layer_errors.smooth_noise((4, 1, *SHAPE))
    expected = copy.deepcopy(network)(batch)
    execution = prepare(network, fit, name="resnet18")
    with torch.autocast("cpu", torch.bfloat16):
        found = execution.call(batch)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


def test_the_refusal_names_layer_value_limit_and_remedy(monkeypatch):
    half_is_wrong(monkeypatch, 32)
    with pytest.raises(ValueError) as refused:
        settled(ON_CPU, automatic=False)
    text = str(refused.value)
    assert text.startswith("this device does not train in bf16: layer")
    assert "relative, at most 0.05" in text and "set train_model.precision to fp32" in text


class OutOfMemory:
    """A device on which a path runs only if it is small enough."""

    def __init__(self, runs):
        self.runs, self.tried = runs, []

    def __call__(self, fit):
        self.tried.append(fit)
        if not self.runs(fit):
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.6 GiB")
        return {"conv1": 0.0}


def test_short_memory_moves_the_subjects_then_splits_the_batch():
    device = OutOfMemory(lambda fit: fit.samples == 1)
    found = settled(FULL, device, device=CPU)
    assert [(f.resident, f.samples) for f in device.tried] == [(True, 4), (True, 2), (True, 1)]
    fits = [FULL]
    while fits[-1]:
        trouble = Trouble("out of memory", memory=True)
        fits.append(
            simpler(fits[-1], trouble, planned=FULL, batch_size=4, automatic=True, cuda=True)
        )
    assert [(f.resident, f.samples) for f in fits[:4]] == [
        (True, 4), (False, 4), (False, 2), (False, 1),
    ]  # fmt: skip
    # a library's kernel that finds no memory may be one that is not there: other kernels, last
    assert [(f.gather, f.folded, f.small_stem) for f in fits[4:-1]] == [
        ("eager", True, True), ("eager", False, True), ("eager", False, False),
    ]  # fmt: skip
    assert "Tried to allocate 2.6 GiB" in found.given_up[0]
    with pytest.raises(ValueError, match=r"stem_stride to 2.* larger device"):
        settled(FULL, OutOfMemory(lambda fit: False), device=CPU)


def test_layers_computed_twice_are_computed_once_where_that_fails():
    planned = FULL._replace(small_stem=False, checkpointed=True, resident=False)
    device = Fake(lambda fit: RuntimeError("no such kernel") if fit.checkpointed else RIGHT)
    found = settled(planned, device, device=GPU)
    assert found.fit == planned._replace(checkpointed=False)
    assert found.given_up[0].endswith("checkpointed is now false")
    # short memory splits the batch first, and never gives up what saves memory
    small = OutOfMemory(lambda fit: fit.samples == 1)
    found = settled(planned, small, device=GPU)
    assert found.fit == planned._replace(samples=1)
    with pytest.raises(ValueError, match="larger device"):
        settled(planned, OutOfMemory(lambda fit: False), device=GPU)
    # a wrong layer is wrong either way
    wrong = Trouble("layer", layers=("features.conv0",))
    after = simpler(planned, wrong, planned=planned, batch_size=4, automatic=True, cuda=True)
    assert after.checkpointed and after.float32_layers == ("features.conv0",)


@pytest.mark.parametrize("first", [FULL, FULL._replace(small_stem=False, checkpointed=True)])
def test_every_path_ends(first):
    """Whatever goes wrong, and however often: no path leads back to one that was given up."""
    troubles = [
        Trouble("memory", memory=True),
        Trouble("error"),
        Trouble("optimizer", optimizer=True),
        Trouble("stem", layers=("stem",)),
        Trouble("layer", layers=("layer1.0.conv1",)),
        Trouble("two", layers=("fc", "stem")),
        Trouble("unable to find an engine", memory=True),
    ]
    for automatic in (False, True):
        after: dict = {}
        waiting = [first]
        while waiting:
            fit = waiting.pop()
            if fit in after:
                continue
            found = (
                simpler(fit, trouble, planned=first, batch_size=4, automatic=automatic, cuda=True)
                for trouble in troubles
            )
            after[fit] = {following for following in found if following}
            assert automatic or all(following.bf16 for following in after[fit])
            waiting.extend(after[fit])
        assert 5 < len(after) < 1000
        TopologicalSorter(after).prepare()  # raises where there is a circle


class Fake:
    """A device that answers by the path: an error is raised, figures are given back."""

    def __init__(self, answer):
        self.answer, self.tried = answer, []

    def __call__(self, fit):
        self.tried.append(fit)
        found = self.answer(fit)
        if isinstance(found, Exception):
            raise found
        return found


RIGHT = {"stem": 1e-6, "layer1.0.conv1": 1e-6}


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("GET was unable to find an engine to execute this computation"),
        RuntimeError("cuDNN error: CUDNN_STATUS_NOT_SUPPORTED"),
    ],
    ids=["no engine", "not supported"],
)
def test_a_gpu_without_bf16_trains_in_float32_with_its_small_stem(error):
    device = Fake(lambda fit: error if fit.bf16 else RIGHT)
    found = settled(FULL, device, device=GPU)
    assert found.fit == FULL._replace(bf16=False, folded=False)


def test_tf32_is_given_up_before_the_stem_and_before_the_device():
    planned = FULL._replace(bf16=False, folded=False, tf32=True)
    for layer, error in (("stem", 7.5e-2), ("layer1.0.conv1", 2.5e-3)):

        def answer(fit, layer=layer, error=error):
            return {**RIGHT, layer: error} if fit.tf32 else RIGHT

        found = settled(planned, Fake(answer), automatic=False, device=GPU)
        assert found.fit == planned._replace(tf32=False)
        assert "tf32 is now false" in found.given_up[0]
    wrong = Fake(lambda fit: {**RIGHT, "layer1.0.conv1": 2.5e-3})
    with pytest.raises(ValueError, match=r"does not train in fp32: layer1\.0\.conv1"):
        settled(planned, wrong, device=GPU)


def test_tf32_is_what_the_fit_says(monkeypatch):
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    network, _ = fit_to_device.start(train_settings(), 1, CPU, seed=1, fused=False)
    for wanted in (False, True):
        prepare(network, ON_CPU._replace(bf16=False, tf32=wanted), name="resnet18")
        assert torch.backends.cudnn.allow_tf32 is wanted


@pytest.mark.parametrize(
    "error",
    [
        subprocess.CalledProcessError(1, ["/home/alice/bin/gcc", "/tmp/tmpx/main.c"]),
        AssertionError("libcuda.so cannot found!"),
        ImportError("no triton"),
        KeyError("CC"),
    ],
    ids=lambda e: type(e).__name__,
)
def test_a_compiler_that_fails_in_any_way_costs_time_only(error):
    device = Fake(lambda fit: error if fit.gather == "compiled" else RIGHT)
    found = settled(FULL, device, device=GPU)
    assert found.fit == FULL._replace(gather="eager")
    assert "alice" not in found.given_up[0] and "gather is now eager" in found.given_up[0]


def test_an_interruption_is_no_trouble_of_a_path():
    class Interrupted(KeyboardInterrupt):
        pass

    def interrupted(fit):
        raise Interrupted

    with pytest.raises(Interrupted):
        settled(FULL, interrupted, device=GPU)


def test_only_what_the_machine_decides_lasts():
    assert settled(FULL, Fake(lambda fit: RIGHT), device=GPU).lasting
    wrong = Fake(lambda fit: {**RIGHT, "stem": 1.0} if fit.folded else RIGHT)
    assert settled(FULL, wrong, device=GPU).lasting
    full = Fake(lambda fit: MemoryError() if fit.samples > 2 else RIGHT)
    assert not settled(FULL, full, device=GPU).lasting


def test_a_fused_optimiser_that_cannot_be_made_is_replaced(monkeypatch):
    right = torch.optim.Adam.__init__

    def refuse(self, *args, fused=None, **named):
        if fused:
            raise RuntimeError("`fused=True` requires all the params to be on a supported device")
        right(self, *args, fused=fused, **named)

    monkeypatch.setattr(torch.optim.Adam, "__init__", refuse)
    found = settled(ON_CPU._replace(fused=True))
    assert not found.fit.fused and "OptimizerError" in found.given_up[0]


@pytest.mark.parametrize("supported", [False, True])
def test_auto_asks_the_gpu_for_bf16(monkeypatch, supported):
    asked = []

    def answer(including_emulation=True):
        asked.append(including_emulation)
        return supported

    monkeypatch.setattr(torch.cuda, "is_bf16_supported", answer)
    assert fit_to_device.use_bf16("auto", GPU) is supported and asked == [False]


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_layers_are_computed_twice_only_where_a_batch_does_not_fit(monkeypatch, device):
    """Unlike the rewritten stem, which is faster on a GPU in any case."""
    monkeypatch.setattr(fit_to_device, "choose_device", torch.device)
    monkeypatch.setattr(fit_to_device, "computes_in_bf16", lambda _: False)
    cube = (224, 224, 224)
    for name, stem in (("resnet18", device == "cuda"), ("densenet121", False)):
        section = {"network": name, "stem_stride": 2, "width": 1.0}
        plain, saving = (
            build.need(model_of(**section), cube, 3, bf16=False, saving=form)
            for form in (False, True)
        )
        asked = plain if not stem else saving

        def fit(gb, section=section):
            s = train_settings(device=device, model=section, memory_gb=gb)
            return fit_to_device.planned(s, 80, cube, 3)

        roomy, tight = fit(asked.bytes(4) / 1e9 + 0.1), fit(saving.bytes(4) / 1e9 + 0.1)
        assert (roomy.small_stem, roomy.checkpointed, roomy.samples) == (stem, False, 4)
        way = build.family(name).SAVING
        assert (tight.small_stem, tight.checkpointed) == (
            way == "small_stem", way == "checkpointed",
        )  # fmt: skip
        assert tight.samples == 4 and tight.saving


def test_a_training_is_fitted_to_its_memory():
    model, cube = model_of(stem_stride=2, width=0.125), (224, 224, 224)

    def means(gb):
        fit = fit_to_device.planned(train_settings(memory_gb=gb), 80, cube, 3)
        return fit.samples, fit.small_stem, fit.resident

    plain, small = (
        build.need(model, cube, 3, bf16=False, saving=saving) for saving in (False, True)
    )
    cohort = 80 * 3 * 224**3 * 2
    assert means(None) == (4, False, True)
    assert means((plain.bytes(4) + cohort) / 1e9 + 0.01) == (4, False, True)
    assert means((plain.bytes(4) + 0.9 * cohort) / 1e9) == (4, False, False)
    assert means(plain.bytes(4) / 1e9 - 0.1) == (
        4 if small.bytes(4) < plain.bytes(4) - 1e8 else 2,
        True,
        False,
    )
    assert means(small.bytes(1) / 1e9 + 0.01) == (1, True, False)
    with pytest.raises(ValueError, match="one training sample needs"):
        means(small.bytes(1) / 1e9 - 0.01)
