"""The gate before a training: nothing trains on a path whose gradients are wrong on this device.

On a GPU each training runs its own trial, since kernels are selected anew in each process. On a CPU
the kernels follow from the machine, so that trainings of one shape share a verdict; each record
holds the figures that its training relied on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch

from ricenet.config.train import TrainModel
from ricenet.networks import layer_errors, verdicts
from ricenet.networks.device import choose_device
from ricenet.provenance import steps
from ricenet.train.fallbacks import Settled, release, settle
from ricenet.train.fit_to_device import Fit, fit_of
from ricenet.train.trial import limits_of, trial

DECISIVE = (
    "batch_size", "precision", "validation_precision", "deterministic", "model", "memory_gb",
    "optimizer",
)  # fmt: skip


def pass_gate(
    fit: Fit,
    *,
    settings: TrainModel,
    subjects: int,
    channels: int,
    shape: Sequence[int],
    say: Callable[[str], None],
    anew: bool = False,
) -> Settled:
    """Find the path that a training takes, and show that it computes what it should.

    Parameters
    ----------
    fit : Fit
        As planned.
    settings : TrainModel
    subjects : int
        That will lie on the device, if they are to.
    channels, shape : int, 3 ints
        Of a sample.
    say : callable
        Called with the outcome, and with each path that was given up.
    anew : bool
        Do not use the verdict of an earlier job.

    Raises
    ------
    ValueError
        A layer is wrong in the requested precision, in training or in predictions, or no
        path runs.
    """
    device = choose_device(settings.device)
    name = verdicts.key(
        "training",
        device,
        code=steps.module_hash(__name__, settings.model.network),
        settings=settings.model_dump(mode="json", include=set(DECISIVE)),
        fit=fit,
        channels=channels,
        shape=list(shape),
    )
    shared = device.type == "cpu" and not anew
    known = recalled(verdicts.recall(name), device, settings.batch_size) if shared else None
    if known:
        for line in known.given_up:
            say(line)
        say(f"{spoken(known)}, by a job before on this machine")
        return known
    started = time.monotonic()
    settled = settle(
        fit,
        partial(trial, settings=settings, subjects=subjects, channels=channels, shape=shape),
        batch_size=settings.batch_size,
        automatic=settings.precision == "auto",
        device=device,
        say=say,
    )
    release(device)
    if settled.lasting:
        kept = {"errors": settled.errors, "given_up": settled.given_up}
        verdicts.keep(name, {"fit": settled.fit._asdict(), **kept})
    say(f"{spoken(settled)}, {time.monotonic() - started:.1f} s")
    return settled


def recalled(kept: dict[str, Any] | None, device: torch.device, batch_size: int) -> Settled | None:
    """Return a verdict as it was kept; None where it was not, or is damaged."""
    if kept is None:
        return None
    try:
        fit = fit_of(kept["fit"])
        errors = {str(name): float(error) for name, error in kept["errors"].items()}
        given_up = [str(line) for line in kept["given_up"]]
        limits = limits_of(list(errors), fit, device)
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
    if fit.samples < 1 or batch_size % fit.samples:
        return None
    if not errors or layer_errors.excessive(errors, limits):
        return None
    return Settled(fit, errors, limits, given_up, shared=True)


def worst(settled: Settled) -> tuple[str, float, float]:
    """Return the layer that comes closest to its limit; its error, its limit."""
    errors, limits = settled.errors, settled.limits
    name = max(errors, key=lambda layer: errors[layer] / limits[layer])
    return name, errors[name], limits[name]


def spoken(settled: Settled) -> str:
    """Return one line about a verdict."""
    name, error, limit = worst(settled)
    return (
        f"gradient gate: {len(settled.errors)} layers within {error:.1e} of float32 "
        f"({name}, at most {limit:g})"
    )


def facts(settled: Settled) -> dict[str, Any]:
    """Return the figures for the record of a training."""
    return {
        "errors": {name: float(f"{error:.3g}") for name, error in settled.errors.items()},
        "limits": settled.limits,
        "tries": layer_errors.TRIES,
        "given_up": settled.given_up,
        "found_by": "a job before on this machine" if settled.shared else "this job",
    }
