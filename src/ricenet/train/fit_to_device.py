"""How a training is fitted to its device: by the planned memory first, then by a trial.

Each path is verified by a :func:`trial`: one step of training on the device, at full size.
A path that raises an error, runs out of memory or is wrong (:mod:`ricenet.networks.layer_errors`)
is replaced by the next simpler one, in the order of :func:`simpler`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from types import MethodType
from typing import Any, NamedTuple

import torch
from pydantic import TypeAdapter
from torch import nn

from ricenet.config.train import TrainModel
from ricenet.networks import build, layer_errors, memory_plan
from ricenet.networks.device import (
    choose_device,
    computes_in_bf16,
    memory_bytes,
)


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
    checkpointed : bool
        Whether each part of the network is computed twice to save memory, see
        :mod:`ricenet.networks.checkpointing`; for families that have no other way.
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
    checkpointed: bool = False

    @property
    def saving(self) -> bool:
        """Whether the network runs in the form that saves memory, see its family."""
        return self.small_stem or self.checkpointed


_FIT = TypeAdapter(Fit)


def fit_of(kept: dict[str, Any]) -> Fit:
    """Return a fit as it was kept in JSON.

    Raises
    ------
    ValueError
        A field is missing, unknown or of another type.
    """
    return _FIT.validate_json(json.dumps(kept), strict=True)


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


class OptimizerError(RuntimeError):
    """The optimiser's kernel failed."""


def use_bf16(precision: str, device: torch.device) -> bool:
    """Return whether the network runs in bfloat16 under autocast.

    With ``auto``, on a GPU made for it.
    """
    if precision != "auto" or device.type != "cuda":
        return precision == "bf16"
    return computes_in_bf16(device)


def planned(s: TrainModel, subjects: int, shape: Sequence[int], channels: int) -> Fit:
    """Plan a training on its device by the memory that it will need.

    See :mod:`ricenet.networks.memory_plan`. On a GPU the stem of a ResNet is always the small one,
    which is faster there; any other form that saves memory is taken where the plain one does not
    fit.
    """
    device = choose_device(s.device)
    memory = s.memory_gb * memory_plan.GB if s.memory_gb else memory_bytes(device)
    bf16 = use_bf16(s.precision, device)
    plain, small = (
        build.need_of_training(s, shape, channels, bf16=bf16, saving=form) for form in (False, True)
    )
    cuda, way = device.type == "cuda", build.saving_form(s.model)
    saving = (cuda and way == "small_stem") or plain.bytes(s.batch_size) > memory
    asked = small if saving else plain
    samples = memory_plan.samples_at_once(s.batch_size, asked, memory=memory)
    cohort = 2 * subjects * channels * math.prod(shape)
    return Fit(
        samples=samples,
        small_stem=saving and way == "small_stem",
        checkpointed=saving and way == "checkpointed",
        resident=cohort + asked.bytes(samples) <= memory,
        bf16=bf16,
        folded=bf16,
        gather="compiled" if cuda else "library",
        fused=cuda,  # on a CPU the plain loop's own arithmetic
        tf32=cuda,  # torch's default for convolutions
    )


def start(
    s: TrainModel, channels: int, device: torch.device, *, seed: int, fused: bool
) -> tuple[nn.Module, torch.optim.Optimizer]:
    """Return the network with random weights of a seed, and its optimiser."""
    torch.manual_seed(seed)
    network = build.build(s.model, channels).to(device)
    rate, decay = s.learning_rate, s.weight_decay
    try:
        # Adam's weight decay is an L2 penalty; AdamW's acts on the weights (arXiv 1711.05101)
        kind = torch.optim.AdamW if s.optimizer == "adamw" else torch.optim.Adam
        optimizer = kind(network.parameters(), lr=rate, weight_decay=decay, fused=fused)
    except RuntimeError as error:
        raise OptimizerError(str(error)) from error
    return network, optimizer


def prepare(network: nn.Module, fit: Fit, *, name: str) -> Execution:
    """Prepare a network for its device.

    Channels last helps in half precision (1.1 to 1.4 times, measured on a CPU) and hurts in float32
    (0.75). The recomputing stem saves memory; on a CPU it takes longer than the plain one.

    Parameters
    ----------
    name : str
        Of its family.
    """
    if fit.bf16:
        network.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
    call = network
    if fit.saving:
        call = build.family(name).saving(network, folded=fit.folded, gather=fit.gather)
    for name, layer in layer_errors.layers(call):
        if name in fit.float32_layers:
            layer.forward = MethodType(_in_float32, layer)
    cuda = next(network.parameters()).device.type == "cuda"
    torch.backends.cudnn.allow_tf32 = fit.tf32
    # all batches have one shape; benchmarking may pick a kernel that is not bit-reproducible
    torch.backends.cudnn.benchmark = cuda and not torch.are_deterministic_algorithms_enabled()
    return Execution(call, fit.samples, fit.bf16)


def _in_float32(layer: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """Return the forward pass of a layer in float32, whatever runs around it."""
    with torch.autocast(x.device.type, enabled=False):
        return type(layer).forward(layer, x.float())
