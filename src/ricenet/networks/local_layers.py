"""Layers of the local network: thresholds of intensity, and the generalised mean.

Tensors are ``(B, C, X, Y, Z)``.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn


class Thresholds(nn.Module):
    """Adds channels in which what is beyond a threshold is left.

    Of a volume ``x`` and a threshold ``t``: ``gain * max(0, x - t)``, and for negative ``t``
    ``gain * max(0, t - x)``. A dose, in shares of the prescription, is below any threshold of a
    z-score.

    Parameters
    ----------
    thresholds : sequence of float
        Dimensionless, of z-scores.
    gain : float
    """

    def __init__(self, thresholds: Sequence[float], *, gain: float) -> None:
        super().__init__()
        self.thresholds, self.gain = list(thresholds), gain

    def forward(self, volumes: torch.Tensor) -> torch.Tensor:
        """Return (B, C (1 + T), X, Y, Z)."""
        beyond = [
            self.gain * torch.relu(volumes - t if t >= 0 else t - volumes) for t in self.thresholds
        ]
        return torch.cat([volumes, *beyond], dim=1) if beyond else volumes


class GeneralisedMean(nn.Module):
    """Pools maps to ``mean(x^p)^(1/p)``, in float32: the mean at p = 1, the maximum at infinity.

    Parameters
    ----------
    exponent : float
        p.
    floor : float
        Least value of x.
    """

    def __init__(self, exponent: float, *, floor: float) -> None:
        super().__init__()
        self.exponent, self.floor = exponent, floor

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Return (B, C) of (B, C, X, Y, Z)."""
        powers = maps.float().clamp_min(self.floor).pow(self.exponent)
        return powers.mean(dim=(2, 3, 4)).pow(1 / self.exponent)
