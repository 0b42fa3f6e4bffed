"""How a training is fitted to its device: by the planned memory first, then by a trial.

What a path promises, a :func:`trial` has to show: one step of training on the device, at full size.
A path that raises an error, runs out of memory or is wrong (:mod:`ricenet.networks.layer_errors`)
gives way to the next simpler one, in the order of :func:`simpler`.
"""

from __future__ import annotations

import gc
import math
from collections.abc import Callable, Sequence
from contextlib import suppress
from types import MethodType
from typing import Any, NamedTuple

import torch
from torch import nn

from ricenet.networks import layer_errors, memory_plan, model
from ricenet.networks.device import (
    choose_device,
    computes_in_bf16,
    first_line,
    memory_bytes,
    out_of_memory,
)
from ricenet.networks.resnet_stem import WithStem

TRIAL_SEED = 20260615  # of the trial's weights and batch; any number would do
STEM = "stem"
NO_ENGINE = "unable to find an engine"  # too little memory for cuDNN, or no kernel at all
STEP_TOLERANCE = 1e-4  # of weights after a step by two loops of one optimiser, relative


class Fit(NamedTuple):
    """What the device allows.

    Attributes
    ----------
    samples : int
        In one forward pass; gradients are accumulated over batch_size / samples of them.
    small_stem : bool
        Whether the stem is the one that saves memory.
    resident : bool
        Whether all subjects lie on the device; else in memory of the host.
    bf16 : bool
        Whether the network runs in bfloat16 under autocast.
    folded, gather : bool, str
        How the small stem is computed, see :class:`ricenet.networks.resnet_stem.Stem`.
    fused : bool
        Whether the optimiser is one kernel.
    float32_layers : tuple of str
        Layers that run in float32 all the same.
    tf32 : bool
        Whether a GPU's convolutions may round what they multiply to TF32, where they do not run in
        bfloat16.
    """

    samples: int
    small_stem: bool
    resident: bool
    bf16: bool
    folded: bool
    gather: str
    fused: bool
    float32_layers: tuple[str, ...] = ()
    tf32: bool = False


class Trouble(NamedTuple):
    """Why a path was given up.

    Attributes
    ----------
    why : str
        For the log and the record.
    memory : bool
        The device's memory is too small.
    layers : tuple of str
        Layers that are wrong; none where an error was raised.
    optimizer : bool
        The error was the optimiser's.
    """

    why: str
    memory: bool = False
    layers: tuple[str, ...] = ()
    optimizer: bool = False


class Settled(NamedTuple):
    """A path that was tried.

    Attributes
    ----------
    fit : Fit
    errors, limits : dict of str to float
        Of each layer: its largest relative error, and what it may be.
    given_up : list of str
        Paths that were tried before, and why they were not taken.
    lasting : bool
        Whether the machine decided, and not what else ran on it: memory may be free another time.
    shared : bool
        Whether a job before found it.
    """

    fit: Fit
    errors: dict[str, float]
    limits: dict[str, float]
    given_up: list[str]
    lasting: bool = True
    shared: bool = False


class Execution(NamedTuple):
    """How a network runs on its device.

    Attributes
    ----------
    call : nn.Module
        From a float32 batch to logits.
    samples : int
        Samples in one forward pass; gradients are accumulated over batch_size / samples of them.
    bf16 : bool
        Under autocast.
    """

    call: nn.Module
    samples: int
    bf16: bool


def use_bf16(precision: str, device: torch.device) -> bool:
    """Whether the network runs in bfloat16 under autocast; with ``auto``, on a GPU made for it."""
    if precision != "auto" or device.type != "cuda":
        return precision == "bf16"
    return computes_in_bf16(device)


def planned(s: dict[str, Any], subjects: int, shape: Sequence[int], channels: int) -> Fit:
    """Fit a training to its device by the memory that it will need.

    See :mod:`ricenet.networks.memory_plan`. On a GPU the stem is always the small one, on a CPU
    where the plain one does not fit.
    """
    device = choose_device(s["device"])
    given = s["memory_gb"]
    memory = given * memory_plan.GB if given else memory_bytes(device)
    bf16 = use_bf16(s["precision"], device)
    plain, small = (
        memory_plan.need(shape, channels, **s["model"], bf16=bf16, small_stem=small)
        for small in (False, True)
    )
    cuda = device.type == "cuda"
    small_stem = cuda or plain.bytes(s["batch_size"]) > memory
    asked = small if small_stem else plain
    samples = memory_plan.samples_at_once(s["batch_size"], asked, memory=memory)
    cohort = 2 * subjects * channels * math.prod(shape)
    return Fit(
        samples=samples,
        small_stem=small_stem,
        resident=cohort + asked.bytes(samples) <= memory,
        bf16=bf16,
        folded=bf16,
        gather="compiled" if cuda else "library",
        fused=cuda,  # on a CPU the plain loop's own arithmetic
        tf32=cuda,  # torch's default for convolutions
    )


def start(
    s: dict[str, Any], channels: int, device: torch.device, *, seed: int, fused: bool
) -> tuple[nn.Module, torch.optim.Optimizer]:
    """Network with random weights of a seed, and its optimiser."""
    torch.manual_seed(seed)
    network = model.build(channels, **s["model"]).to(device)
    rate, decay = s["learning_rate"], s["weight_decay"]
    try:
        optimizer = torch.optim.Adam(network.parameters(), lr=rate, weight_decay=decay, fused=fused)
    except RuntimeError as error:
        raise OptimizerError(str(error)) from error
    return network, optimizer


def prepare(network: nn.Module, fit: Fit) -> Execution:
    """Prepare a network for its device.

    Channels last helps in half precision (1.1 to 1.4 times, measured on a CPU) and hurts in float32
    (0.75). The recomputing stem saves memory; on a CPU it takes longer than the plain one.
    """
    if fit.bf16:
        network.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
    call = WithStem(network, folded=fit.folded, gather=fit.gather) if fit.small_stem else network
    for name, layer in layer_errors.layers(call):
        if name in fit.float32_layers:
            layer.forward = MethodType(_in_float32, layer)
    cuda = next(network.parameters()).device.type == "cuda"
    torch.backends.cudnn.allow_tf32 = fit.tf32
    # all batches have one shape; a race may pick a kernel that does not repeat its bits
    torch.backends.cudnn.benchmark = cuda and not torch.are_deterministic_algorithms_enabled()
    return Execution(call, fit.samples, fit.bf16)


def _in_float32(layer: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """Forward pass of a layer in float32, whatever runs around it."""
    with torch.autocast(x.device.type, enabled=False):
        return type(layer).forward(layer, x.float())


def limits_of(layers: Sequence[str], fit: Fit, device: torch.device) -> dict[str, float]:
    """Largest error that each layer may have, by the numbers that it computes in.

    A layer in float32 among others in bfloat16 hands its gradient on in bfloat16.
    """
    kind = "bf16" if fit.bf16 else "tf32" if fit.tf32 and device.type == "cuda" else "fp32"
    return {
        name: (layer_errors.STEM_LIMITS if name == STEM else layer_errors.LIMITS)[kind]
        for name in layers
    }


def trial(
    fit: Fit, *, settings: dict[str, Any], subjects: int, channels: int, shape: Sequence[int]
) -> dict[str, float]:
    """Run one step of a training like this one; the largest relative error of each layer.

    Parameters
    ----------
    subjects : int
        That will lie on the device, if they are to.

    Raises
    ------
    RuntimeError
        From a kernel, the compiler, or for want of memory.
    OptimizerError
        The same, from the optimiser.
    """
    device = choose_device(settings["device"])
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        network, optimizer = start(settings, channels, device, seed=TRIAL_SEED, fused=fit.fused)
        batch = layer_errors.smooth_noise((fit.samples, channels, *shape)).to(device)
    # the subjects come after the trial; until then something else must take their room
    room = (
        2 * subjects * channels * math.prod(shape) if fit.resident and device.type != "cpu" else 0
    )
    held = torch.empty(room, dtype=torch.uint8, device=device)
    execution = prepare(network.train(), fit)
    errors = layer_errors.of_training_step(execution.call, batch, bf16=fit.bf16)
    if not all(map(math.isfinite, errors.values())):
        return errors  # what follows would say less
    step_like_plain_adam(network, optimizer)
    model.logits(network.eval(), batch, precision=settings["validation_precision"])
    if device.type == "cuda":
        torch.cuda.synchronize(device)  # an error of a kernel is raised at the next wait
    del held
    return errors


def step_like_plain_adam(network: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    """Take a step, and raise :class:`OptimizerError` where it is not that of torch's plain loop."""
    copies = [nn.Parameter(p.detach().clone()) for p in network.parameters()]
    for one, p in zip(copies, network.parameters(), strict=True):
        one.grad = None if p.grad is None else p.grad.clone()
    group = optimizer.param_groups[0]
    options = {name: group[name] for name in ("lr", "betas", "eps", "weight_decay")}
    torch.optim.Adam(copies, **options, foreach=False, fused=False).step()
    try:
        optimizer.step()
    except RuntimeError as error:
        raise OptimizerError(str(error)) from error
    for one, p in zip(copies, network.parameters(), strict=True):
        difference = layer_errors.relative_error(p, one.detach())
        if difference > STEP_TOLERANCE:
            raise OptimizerError(f"its step differs from the plain one's by {difference:.1e}")


class OptimizerError(RuntimeError):
    """The optimiser's kernel failed."""


def settle(
    fit: Fit,
    run: Callable[[Fit], dict[str, float]],
    *,
    batch_size: int,
    automatic: bool,
    device: torch.device,
    say: Callable[[str], None],
) -> Settled:
    """Find the first path that runs and computes what it should.

    Parameters
    ----------
    fit : Fit
        As planned.
    run : callable
        A :func:`trial` of a path.
    automatic : bool
        Whether layers, or all, may run in float32 instead of bfloat16.
    say : callable
        Told what is given up, and why.

    Raises
    ------
    ValueError
        No path is left; names the layer or the error.
    """
    given_up: list[str] = []
    planned, lasting, cuda = fit, True, device.type == "cuda"
    while True:
        errors, trouble = attempt(fit, run, device)
        if trouble is None:
            return Settled(fit, errors, limits_of(list(errors), fit, device), given_up, lasting)
        following = simpler(
            fit, trouble, planned=planned, batch_size=batch_size, automatic=automatic, cuda=cuda
        )
        if following is None:
            raise ValueError(refusal(fit, trouble))
        lasting = lasting and bool(trouble.layers)
        given_up.append(f"{trouble.why}; {change(fit, following)}")
        say(given_up[-1])
        fit = following


def attempt(
    fit: Fit, run: Callable[[Fit], dict[str, float]], device: torch.device
) -> tuple[dict[str, float], Trouble | None]:
    """Errors of a path's layers, and why it cannot be taken, if so."""
    try:
        errors = run(fit)
    except Exception as error:  # a compiler that cannot be used raises anything
        trouble = Trouble(
            f"{type(error).__name__} in a trial step: {first_line(error)}",
            memory=out_of_memory(error),
            optimizer=isinstance(error, OptimizerError),
        )
    else:
        wrong = layer_errors.excessive(errors, limits_of(list(errors), fit, device))
        if not wrong:
            return errors, None
        worst, error_of_worst = next(iter(wrong.items()))
        limit = limits_of([worst], fit, device)[worst]
        others = f", and {len(wrong) - 1} other layers" if len(wrong) > 1 else ""
        trouble = Trouble(
            f"{worst} differs from float32 by {error_of_worst:.1e} (relative, at most {limit:g})"
            f"{others}",
            layers=tuple(wrong),
        )
        return errors, trouble
    release(device)  # the traceback held the step's tensors
    return {}, trouble


def release(device: torch.device) -> None:
    """Give back the memory of tensors that nobody needs any more."""
    gc.collect()
    if device.type == "cuda":
        with suppress(RuntimeError):  # after some errors a GPU answers nothing any more
            torch.cuda.empty_cache()


def simpler(
    fit: Fit, trouble: Trouble, *, planned: Fit, batch_size: int, automatic: bool, cuda: bool
) -> Fit | None:
    """Next simpler path after a trouble, or None where there is none."""
    less = smaller(fit, batch_size=batch_size, cuda=cuda) if trouble.memory else None
    kernel_missing = trouble.memory and NO_ENGINE in trouble.why  # cuDNN says no more
    if less or (trouble.memory and not fit.small_stem and not kernel_missing):
        return less
    if trouble.optimizer:
        return fit._replace(fused=False) if fit.fused else None
    if trouble.layers and fit.tf32 and not fit.bf16:
        return fit._replace(tf32=False)
    if fit.small_stem and (not trouble.layers or STEM in trouble.layers):
        if fit.gather == "compiled":
            return fit._replace(gather="eager")
        if fit.folded:
            return fit._replace(folded=False)
        return fit._replace(small_stem=False)
    if not (automatic and fit.bf16):
        return None
    added = set(trouble.layers) - set(fit.float32_layers)
    if added:
        return fit._replace(float32_layers=tuple(sorted({*fit.float32_layers, *added})))
    # from the start: what failed in bfloat16 may do in float32
    return planned._replace(bf16=False, folded=False, fused=fit.fused)


def smaller(fit: Fit, *, batch_size: int, cuda: bool) -> Fit | None:
    """Path that needs less memory: subjects on the host, then fewer samples at once."""
    if fit.resident and cuda:
        return fit._replace(resident=False)
    for samples in range(fit.samples - 1, 0, -1):
        if batch_size % samples == 0:
            return fit._replace(samples=samples)
    return None


def change(before: Fit, after: Fit) -> str:
    """List what differs between two paths, for the log."""
    pairs = zip(Fit._fields, before, after, strict=True)
    return ", ".join(f"{name} is now {_shown(new)}" for name, old, new in pairs if old != new)


def _shown(value: object) -> str:
    return " ".join(value) if isinstance(value, tuple) else str(value).lower()


def refusal(fit: Fit, trouble: Trouble) -> str:
    """Message where no path is left: what, the value, the remedy."""
    if trouble.memory:
        remedy = (
            "set model.stem_stride to 2, a smaller crop.shape or width, or take a larger device"
        )
    elif fit.bf16:
        remedy = (
            "set train_model.precision to fp32, or to auto, which runs such layers in float32 "
            "on a GPU"
        )
    else:
        remedy = "take another device, or another version of torch or of the driver"
    return (
        f"this device does not train in {'bf16' if fit.bf16 else 'fp32'}: {trouble.why}; {remedy}"
    )
