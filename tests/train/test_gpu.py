"""What only a GPU can show; left out where there is none. ``benchmarks/gpu.sh`` runs it."""

import copy
import gc
import os

from ricenet.networks import max_pool_gradient

os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # read at the first use

import pytest
import torch

from fake_cohort import AUGMENTATION, train_settings
from ricenet.cohort.loading import Subjects
from ricenet.config.train import Augmentation
from ricenet.networks import resnet_stem
from ricenet.networks.device import exact_float32
from ricenet.networks.float32_reference import convolve_in_slabs, relative_error
from ricenet.train import augment, epoch, fit_to_device, gradient_gate
from stems import layers, plain, results

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
GPU, CPU = torch.device("cuda"), torch.device("cpu")
SHAPE, KINDS, PLACES = (32, 36, 40), ("mri", "mri", "dose"), (0, 1, 2)


def test_the_stem_is_the_plain_one_and_the_same_each_time():
    conv, norm = layers(3, 16, 1, [1.0, -1.0] * 8, seed=0)
    x = torch.randn(2, 3, 24, 22, 20, dtype=torch.float64)
    expected = results(plain, x, conv, norm)
    conv, norm, x = conv.to(GPU), norm.to(GPU), x.to(GPU)

    def run():
        a, b = copy.deepcopy(conv), copy.deepcopy(norm)
        found = resnet_stem.Stem(a, b, folded=True, gather="compiled")(x)
        upper = torch.randn(found.shape, dtype=x.dtype, generator=torch.Generator().manual_seed(3))
        (found * upper.to(GPU)).sum().backward()
        return {
            "output": found.detach(),
            "weight": a.weight.grad,
            "gamma": b.weight.grad,
            "beta": b.bias.grad,
        }

    first = run()
    for name, value in first.items():
        torch.testing.assert_close(value.cpu(), expected[name], atol=1e-9, rtol=1e-9, msg=name)
    again = run()
    for name in ("output", "gamma", "beta"):
        assert torch.equal(again[name], first[name]), name


def test_compiled_gather_is_the_eager_one():
    y = torch.randint(0, 4, (2, 8, 17, 18, 19), device=GPU).double()
    gradient = torch.randn_like(torch.nn.functional.max_pool3d(y, 3, 2, 1))
    found, eager = (
        max_pool_gradient.unpool(gradient, y, method=method) for method in ("compiled", "eager")
    )
    torch.testing.assert_close(found, eager)


def setup(**ranges):
    found = Augmentation(**{**AUGMENTATION, "probability": 1.0, **ranges})
    return augment.Setup(SHAPE, 1.0, KINDS, PLACES, found)


ORDER = epoch.Order(range(8), range(8))


def epoch_of(home, *, bf16, epochs=1):
    """Losses of some epochs and the weights; volumes on the device or in pinned memory."""
    generator = torch.Generator().manual_seed(0)
    volumes = torch.randn(8, 3, *SHAPE, generator=generator).half()
    volumes = volumes.to(GPU) if home == GPU else volumes.pin_memory()
    labels = (torch.arange(8) % 2).to(GPU)
    subjects = Subjects([str(i) for i in range(8)], labels, volumes)
    network, optimizer = fit_to_device.start(train_settings(), 3, GPU, seed=1, fused=True)
    fit = fit_to_device.planned(train_settings(device="cuda", precision="fp32"), 8, SHAPE, 3)
    fit = fit._replace(samples=2, bf16=bf16, folded=bf16)
    execution = fit_to_device.prepare(network, fit, name="resnet18")
    found = []
    for _ in range(epochs):
        options = {"execution": execution, "batch_size": 4, "setup": setup()}
        found.append(epoch.train_epoch(network, optimizer, subjects, ORDER, **options)[0])
    return torch.cat(found), network, optimizer, subjects, execution


def test_pinned_volumes_give_the_resident_ones_losses():
    resident, *_ = epoch_of(GPU, bf16=False)
    pinned, *_ = epoch_of(CPU, bf16=False)
    torch.testing.assert_close(pinned[:2], resident[:2], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("home", [GPU, CPU], ids=["resident", "pinned"])
def test_nothing_waits(home):
    _, network, optimizer, subjects, execution = epoch_of(
        home, bf16=True
    )  # warm: caches are filled
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    try:
        epoch.train_epoch(
            network,
            optimizer,
            subjects,
            ORDER,
            setup=setup(),
            execution=execution,
            batch_size=4,
        )
    finally:
        torch.cuda.set_sync_debug_mode("default")


def test_augmentation_is_that_of_the_cpu_but_for_the_noise():
    batch = torch.randn(4, 3, *SHAPE, generator=torch.Generator().manual_seed(1))
    quiet = setup(noise=0.0)
    draws = [augment.draw(i, quiet) for i in range(4)]
    expected = augment.apply(batch, draws, quiet)
    found = augment.apply(batch.to(GPU), draws, quiet)
    torch.testing.assert_close(found.cpu(), expected, atol=2e-3, rtol=0)


@pytest.mark.parametrize(
    ("precision", "strict"), [("auto", False), ("fp32", False), ("auto", True)]
)
def test_the_gate_takes_the_planned_path_and_leaves_nothing(precision, strict):
    settings = train_settings(device="cuda", precision=precision, deterministic=strict)
    planned = fit_to_device.planned(settings, 8, SHAPE, 3)
    torch.cuda.synchronize()
    gc.collect()
    before = torch.cuda.memory_allocated()
    if strict:
        epoch.be_deterministic()
    try:
        found = gradient_gate.pass_gate(
            planned, settings=settings, subjects=8, channels=3, shape=SHAPE, say=print, anew=True
        )
    finally:
        torch.use_deterministic_algorithms(False)
    assert found.fit == planned and found.given_up == []
    gc.collect()
    assert torch.cuda.memory_allocated() <= before + 2**20


def test_the_reference_is_right_without_cudnn():
    """torch's own kernels, slab by slab, against float64 on the host."""
    torch.manual_seed(0)
    layer = torch.nn.Conv3d(3, 16, 7, stride=2, padding=3)
    x = torch.randn(2, 3, 33, 34, 35)
    expected = layer.double()(x.double())
    weight, bias = layer.weight.float().to(GPU), layer.bias.float().to(GPU)
    with exact_float32(GPU, own_kernels=True), torch.no_grad():
        found = convolve_in_slabs(x.to(GPU), weight, bias, like=layer)
    assert relative_error(found.cpu().double(), expected) < 1e-5


def test_a_deterministic_run_repeats_its_bits():
    epoch.be_deterministic()
    try:
        first, a, *_ = epoch_of(GPU, bf16=True, epochs=3)
        again, b, *_ = epoch_of(GPU, bf16=True, epochs=3)
    finally:
        torch.use_deterministic_algorithms(False)
    assert torch.equal(first, again)
    for one, other in zip(a.parameters(), b.parameters(), strict=True):
        assert torch.equal(one, other)
