"""Whether HD-BET's convolutions may run in reduced precision on the device at hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from ricenet.networks import layer_errors, verdicts
from ricenet.networks.device import first_line
from ricenet.preprocess import hd_bet_networks
from ricenet.provenance import code_digest

NOT_MADE = "not made: the convolutions are in float32"


def verified_dtype(
    dtype: torch.dtype, shape: Sequence[int], device: torch.device, say: Callable[[str], None]
) -> tuple[torch.dtype, dict[str, Any] | str]:
    """Return the type in which convolutions are correct on this device, and measured errors.

    Reduced precision is held against float32 once for each machine, version and shape, on noise
    that is not a patient's. Where it is wrong or does not run, the answer is float32.

    Parameters
    ----------
    shape : 3 ints
        Of the padded image, as the network takes it.
    say : callable
        Logs why reduced precision is given up.
    """
    if dtype == torch.float32:
        return dtype, NOT_MADE
    code, choices = code_digest.code_hash(__name__), verdicts.choices()
    name = verdicts.key("hd-bet", device, code=code, choices=choices, shape=list(shape))
    known = verdicts.recall(name)
    verdict = known if known and usable(known) else convolution_error(dtype, shape, device)
    if "layer" in verdict:  # measured; an error may pass
        verdicts.keep(name, verdict)
    verdict |= {"limit": layer_errors.LIMITS["bf16"]}
    if verdict.get("error", float("inf")) <= verdict["limit"]:
        return dtype, verdict
    say(f"HD-BET runs in float32, half precision is wrong on this device: {verdict}")
    return torch.float32, verdict


def usable(verdict: dict[str, Any]) -> bool:
    """Return whether a kept verdict is whole: a layer, with its error or why there is none."""
    figure = isinstance(verdict.get("error"), float) or "why" in verdict
    return isinstance(verdict.get("layer"), str) and figure


def convolution_error(
    dtype: torch.dtype, shape: Sequence[int], device: torch.device
) -> dict[str, Any]:
    """Measure the convolution that is farthest from float32: its name, its relative error."""
    try:
        batch = layer_errors.smooth_noise((1, 1, *shape)).to(device, dtype)
        batch = batch.contiguous(memory_format=torch.channels_last_3d)
        network = hd_bet_networks.optimised(hd_bet_networks.bundled_network(0), device, dtype)
        errors = layer_errors.of_convolutions(network, batch)
    except RuntimeError as error:
        return {"why": f"{type(error).__name__}: {first_line(error)}"}
    layer = max(errors, key=errors.__getitem__)
    finite = errors[layer] < float("inf")
    return {"layer": layer, **({"error": errors[layer]} if finite else {"why": "no number"})}
