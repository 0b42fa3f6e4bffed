"""How every network is called: volumes first, clinical variables second.

Tensors are ``(B, C, X, Y, Z)``.
"""

from __future__ import annotations

from types import MethodType

import torch
from torch import nn


def of_volumes(network: nn.Module) -> nn.Module:
    """Let a network that takes volumes alone be called as all are, and return it.

    Its class, weights and layers stay as they are.

    Parameters
    ----------
    network : nn.Module
        With ``forward(volumes)``.
    """
    network.forward = MethodType(_without_clinical, network)
    return network


def _without_clinical(
    network: nn.Module, volumes: torch.Tensor, clinical: torch.Tensor | None = None
) -> torch.Tensor:
    """Return the logits of volumes; clinical variables are refused, not ignored."""
    if clinical is not None:
        raise ValueError(f"{type(network).__name__} takes volumes alone, no clinical variables")
    return type(network).forward(network, volumes)
