"""The one way to ask a network: validation, predictions, occlusion maps, counterfactuals.

Tensors are ``(B, C, X, Y, Z)``. The two outputs are recurrence (0) and RICE (1).
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import nn

from ricenet.networks.device import exact_float32, in_halves


def precision_context(precision: str, device: torch.device) -> AbstractContextManager[Any]:
    """Return the context in which a network computes in a precision.

    Parameters
    ----------
    precision : {"fp32", "tf32", "bf16", "stored"}
        fp32 is without TF32: a GPU and a CPU agree to rounding. tf32 is float32 as torch does it,
        where a GPU's convolutions may round what they multiply. bf16 is autocast. stored is the
        type of each layer's own weights, see :func:`ricenet.explain.occlusion_map.in_precision`.
    """
    match precision:
        case "fp32":
            return exact_float32(device)
        case "bf16":
            return torch.autocast(device.type, torch.bfloat16)
        case "tf32" | "stored":
            return nullcontext()
    raise ValueError(f"precision {precision!r} is none of fp32, tf32, bf16, stored")


@torch.no_grad()
def logits(
    network: nn.Module,
    volumes: torch.Tensor,
    clinical: torch.Tensor | None = None,
    *,
    precision: str,
) -> torch.Tensor:
    """Compute the outputs of a network in evaluation mode.

    Parameters
    ----------
    volumes : (B, C, X, Y, Z) tensor
        Where the device's memory is too small for it, its halves are computed one by one, if there
        are no clinical variables.
    clinical : (B, V) tensor or None
        Clinical variables, for networks that take them.
    precision : str
        See :func:`precision_context`.

    Returns
    -------
    (B, 2) tensor
        float32, or float64 from a network in float64.
    """

    def run(*inputs: torch.Tensor) -> torch.Tensor:
        with precision_context(precision, volumes.device):
            output = network(*inputs)
        return output if output.dtype == torch.float64 else output.float()

    # a network that takes volumes alone need not know of clinical variables
    return torch.cat(in_halves(run, volumes)) if clinical is None else run(volumes, clinical)


def probabilities(
    network: nn.Module,
    volumes: torch.Tensor,
    clinical: torch.Tensor | None = None,
    *,
    precision: str,
) -> torch.Tensor:
    """Return the softmax of a network's outputs, see :func:`logits`.

    Returns
    -------
    (B, 2) float32 tensor
        Probability of recurrence and of RICE.
    """
    return torch.softmax(logits(network, volumes, clinical, precision=precision), dim=1)
