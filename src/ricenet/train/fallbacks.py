"""The order of paths: what a training falls back to where a trial fails or is wrong."""

from __future__ import annotations

import gc
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

import torch

from ricenet.networks import layer_errors
from ricenet.networks.device import first_line, out_of_memory
from ricenet.train.fit_to_device import Fit, OptimizerError
from ricenet.train.trial import STEM, WrongPredictions, limits_of

NO_ENGINE = "unable to find an engine"  # too little memory for cuDNN, or no kernel at all


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
        False where memory was short: other programs may have held it, so the verdict is not kept.
    shared : bool
        Whether a job before found it.
    """

    fit: Fit
    errors: dict[str, float]
    limits: dict[str, float]
    given_up: list[str]
    lasting: bool = True
    shared: bool = False


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
        Called with a message on what is given up, and why.

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
    """Return the errors of a path's layers, and why it cannot be taken, if so."""
    try:
        errors = run(fit)
    except WrongPredictions as error:
        raise ValueError(str(error)) from None
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
    """Release the memory of tensors that are no longer used."""
    gc.collect()
    if device.type == "cuda":
        with suppress(RuntimeError):  # after some errors a GPU no longer responds
            torch.cuda.empty_cache()


def simpler(
    fit: Fit, trouble: Trouble, *, planned: Fit, batch_size: int, automatic: bool, cuda: bool
) -> Fit | None:
    """Return the next simpler path after an error, or None where there is none."""
    less = smaller(fit, batch_size=batch_size, cuda=cuda) if trouble.memory else None
    kernel_missing = trouble.memory and NO_ENGINE in trouble.why  # cuDNN gives no more details
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
    if fit.checkpointed and not trouble.layers:
        return fit._replace(checkpointed=False)
    if not (automatic and fit.bf16):
        return None
    added = set(trouble.layers) - set(fit.float32_layers)
    if added:
        return fit._replace(float32_layers=tuple(sorted({*fit.float32_layers, *added})))
    # from the start: what failed in bfloat16 may do in float32
    return planned._replace(bf16=False, folded=False, fused=fit.fused)


def smaller(fit: Fit, *, batch_size: int, cuda: bool) -> Fit | None:
    """Return the path that needs less memory: subjects on the host, then fewer samples at once."""
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
    """Return a message where no path is left: what, the value, the remedy."""
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
