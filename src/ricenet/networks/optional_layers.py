"""Layers that the options of a model bring, for every family: thresholds, poolings, dropout.

Tensors are ``(B, C, X, Y, Z)``. The poolings return ``(B, C)``, and compute in float32.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from ricenet.networks.options import top_voxels

GAIN = 4.0  # of a threshold's channel: a finding exceeds a threshold by a few tenths
EXPONENT = 3.0  # of the generalised mean, as published
FLOOR = 1e-4  # under the root, whose slope at 0 is infinite


class Thresholds(nn.ReLU):
    """Adds channels in which what is beyond a threshold is left: ReLUs, each with its bias.

    Of a volume ``x`` and a threshold ``t``: ``gain * max(0, x - t)``, and for negative ``t``
    ``gain * max(0, t - x)``. Volumes are not told apart: a threshold of 1 is a z-score in an MRI,
    and the whole prescription in a dose that is divided by it.

    Parameters
    ----------
    thresholds : sequence of float
        Dimensionless, of z-scores.
    gain : float
    """

    def __init__(self, thresholds: Sequence[float], *, gain: float = GAIN) -> None:
        super().__init__()
        self.thresholds, self.gain = list(thresholds), gain

    def forward(self, volumes: torch.Tensor) -> torch.Tensor:
        """Return (B, C (1 + T), X, Y, Z)."""
        beyond = [
            self.gain * torch.relu(volumes - t if t >= 0 else t - volumes) for t in self.thresholds
        ]
        return torch.cat([volumes, *beyond], dim=1) if beyond else volumes


class GlobalMean(nn.Module):
    """Pools maps to their means; torch's adaptive pooling adds in random order on a GPU."""

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Return (B, C)."""
        return maps.mean(dim=(2, 3, 4))


class GeneralisedMean(nn.Module):
    """Pools maps to ``mean(x^p)^(1/p)``: the mean at p = 1, the maximum at infinity.

    Radenovic et al., arXiv 1711.02512. A few bright places are not averaged away by a head without
    any, and each of them still has a gradient.

    Parameters
    ----------
    exponent : float
        p.
    floor : float
        Least value of x.
    """

    def __init__(self, exponent: float = EXPONENT, *, floor: float = FLOOR) -> None:
        super().__init__()
        self.exponent, self.floor = exponent, floor

    def powers(self, maps: torch.Tensor) -> torch.Tensor:
        """Return ``x^p`` of each voxel, float32 at least."""
        return (
            maps.to(torch.promote_types(maps.dtype, torch.float32))
            .clamp_min(self.floor)
            .pow(self.exponent)
        )

    def root(self, means: torch.Tensor) -> torch.Tensor:
        """Return the pooled values of the means of the powers."""
        return means.pow(1 / self.exponent)

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Return (B, C)."""
        return self.root(self.powers(maps).mean(dim=(2, 3, 4)))


class TopMean(nn.Module):
    """Pools maps to the mean of each channel's largest voxels, a fixed share of them.

    Durand et al., CVPR 2017 (WILDCAT), without its lowest ones.
    """

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Return (B, C)."""
        values = maps.flatten(2)
        values = values.to(torch.promote_types(values.dtype, torch.float32))
        return values.topk(top_voxels(values.shape[2]), dim=2, sorted=False).values.mean(dim=2)


class InstanceNorm(nn.InstanceNorm3d):
    """torch's, with an output of its own.

    torch's is a view: what changes a view in place takes it out of the graph, and with it the place
    where the gradient gate compares.
    """

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Return (B, C, X, Y, Z)."""
        return super().forward(maps).clone()


def pool(how: str) -> nn.Module:
    """Return the layer of a pooling by its name in the settings."""
    match how:
        case "mean":
            return GlobalMean()
        case "generalised_mean":
            return GeneralisedMean()
        case "top_k":
            return TopMean()
    raise ValueError(f"pooling {how!r} is none of mean, generalised_mean, top_k")


def set_norms(network: nn.Module, kind: str) -> None:
    """Replace a network's batch norms by ``instance`` norms, if these are asked for.

    With factors and offsets that are learned, as those of a batch norm are. Ulyanov et al., arXiv
    1607.08022: what a sample gives depends on no other one, in training neither. MONAI's ResNet has
    an argument for it, which reaches the first norm only (1.6).
    """
    if kind == "batch":
        return
    for parent in list(network.modules()):
        for name, child in parent.named_children():
            if isinstance(child, nn.BatchNorm3d):
                setattr(parent, name, InstanceNorm(child.num_features, affine=True))


def entry(convolution: nn.Module, thresholds: Sequence[float]) -> nn.Module:
    """Return a first convolution that reads the channels of thresholds, if there are some."""
    return nn.Sequential(Thresholds(thresholds), convolution) if thresholds else convolution


def before_last(layer: nn.Module, dropout: float) -> nn.Module:
    """Return a last layer of which inputs are dropped in training (Srivastava et al., JMLR 2014).

    Parameters
    ----------
    dropout : float
        Share of them; at 0 the layer itself.
    """
    return nn.Sequential(nn.Dropout(dropout), layer) if dropout else layer
