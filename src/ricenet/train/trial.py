"""A trial: one step of a training on its device, at full size, compared with float32."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from ricenet.config.train import TrainModel
from ricenet.networks import float32_reference, inference, layer_errors
from ricenet.networks.device import choose_device, in_halves
from ricenet.train.fit_to_device import Fit, OptimizerError, prepare, start

TRIAL_SEED = 20260615  # of the trial's weights and batch; any number would do
STEM = "stem"
STEP_TOLERANCE = 1e-4  # of weights after a step by two loops of one optimiser, relative


def limits_of(layers: Sequence[str], fit: Fit, device: torch.device) -> dict[str, float]:
    """Return the largest error that each layer may have, by the numbers that it computes in.

    A layer in float32 among others in bfloat16 hands its gradient on in bfloat16.
    """
    kind = "bf16" if fit.bf16 else "tf32" if fit.tf32 and device.type == "cuda" else "fp32"
    return {
        name: (layer_errors.STEM_LIMITS if name == STEM else layer_errors.LIMITS)[kind]
        for name in layers
    }


def trial(
    fit: Fit, *, settings: TrainModel, subjects: int, channels: int, shape: Sequence[int]
) -> dict[str, float]:
    """Run one step of a training like this one; the largest relative error of each layer.

    Parameters
    ----------
    subjects : int
        That will lie on the device, if they are to.

    Raises
    ------
    RuntimeError
        From a kernel, the compiler, or for lack of memory.
    OptimizerError
        The same, from the optimiser.
    WrongPredictions
        Validation would be wrong.
    """
    device = choose_device(settings.device)
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        network, optimizer = start(settings, channels, device, seed=TRIAL_SEED, fused=fit.fused)
        batch = layer_errors.smooth_noise((fit.samples, channels, *shape)).to(device)
    # the subjects come after the trial; until then something else must occupy their memory
    room = (
        2 * subjects * channels * math.prod(shape) if fit.resident and device.type != "cpu" else 0
    )
    held = torch.empty(room, dtype=torch.uint8, device=device)
    execution = prepare(network.train(), fit, name=settings.model.network)
    errors = layer_errors.of_training_step(execution.call, batch, bf16=fit.bf16)
    if not all(map(math.isfinite, errors.values())):
        return errors  # later results would be less informative
    step_like_plain_adam(network, optimizer)
    require_right_predictions(network.eval(), batch, precision=settings.validation_precision)
    if device.type == "cuda":
        torch.cuda.synchronize(device)  # an error of a kernel is raised at the next wait
    del held
    return errors


class WrongPredictions(ValueError):
    """No path changes how predictions are computed, but the settings do."""


@torch.no_grad()
def require_right_predictions(network: nn.Module, batch: torch.Tensor, *, precision: str) -> None:
    """Raise :class:`WrongPredictions` where a network set up as for validation is wrong.

    Parameters
    ----------
    network : nn.Module
        As training leaves it: memory format and choice of kernels are those of validation.
    batch : (B, C, X, Y, Z) float32 tensor
        Its halves are taken one by one where there is too little memory, as in validation.
    precision : {"fp32", "bf16"}
    """

    def measure(part: torch.Tensor) -> dict[str, float]:
        with inference.precision_context(precision, part.device):
            return layer_errors.of_convolutions(network, part)

    limit = layer_errors.LIMITS[precision]
    remedy = (
        "set train_model.validation_precision to fp32"
        if precision == "bf16"
        else "take another device, or another version of torch or of the driver"
    )
    for errors in in_halves(measure, batch):
        for layer, error in layer_errors.excessive(errors, dict.fromkeys(errors, limit)).items():
            raise WrongPredictions(
                f"this device does not predict in {precision}: layer {layer} differs from float32 "
                f"by {error:.1e} (relative, at most {limit:g}); {remedy}"
            )


def step_like_plain_adam(network: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    """Take a step, and raise :class:`OptimizerError` where it is not that of torch's plain loop."""
    copies = [nn.Parameter(p.detach().clone()) for p in network.parameters()]
    for one, p in zip(copies, network.parameters(), strict=True):
        one.grad = None if p.grad is None else p.grad.clone()
    group = optimizer.param_groups[0]
    options = {name: group[name] for name in ("lr", "betas", "eps", "weight_decay")}
    kind: Any = type(optimizer)
    kind(copies, **options, foreach=False, fused=False).step()
    try:
        optimizer.step()
    except RuntimeError as error:
        raise OptimizerError(str(error)) from error
    for one, p in zip(copies, network.parameters(), strict=True):
        difference = float32_reference.relative_error(p, one.detach())
        if difference > STEP_TOLERANCE:
            raise OptimizerError(f"its step differs from the plain one's by {difference:.1e}")
