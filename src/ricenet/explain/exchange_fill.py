"""Hidden cubes that show something else instead of a constant: the exchange fill.

A cube of 0 Gy changes the input by its dose, so whatever network looks at it answers where dose is.
Here a cube shows what another patient has at the same place. Tensors are ``(C, X, Y, Z)``.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import nn

CLOSED = -1e6  # of the switch where nothing is hidden, below any difference of two volumes
OPEN = 0.0


class Switched(nn.Module):
    """A network behind a switch: it sees the own volume, and the other one where that is open.

    Of the input ``(B, 2 C + 1, X, Y, Z)`` the first C channels are the own volume, the next C the
    other one less the own, the last is the switch, :data:`CLOSED` or :data:`OPEN`. Two convolutions
    of one voxel and a ReLU choose: ``own + relu(d + s) - relu(-d + s)``. So the layers stay local
    (:mod:`ricenet.explain.occlusion.layers`), and a hidden cube is a switch that is opened.
    """

    def __init__(self, network: nn.Module, channels: int) -> None:
        super().__init__()
        one = torch.eye(channels)
        none, switch = torch.zeros(channels, channels), torch.ones(channels, 1)
        parts = [(one, none, 0), (-one, none, 0), (none, one, 1), (none, -one, 1)]
        split = torch.cat([torch.cat([a, b, s * switch], dim=1) for a, b, s in parts])
        self.split = _pointwise(split)
        self.relu = nn.ReLU()
        self.join = _pointwise(torch.cat([one, -one, one, -one], dim=1))
        self.network = network

    def forward(self, volumes: torch.Tensor) -> torch.Tensor:
        """Return the logits (B, 2)."""
        return self.network(self.join(self.relu(self.split(volumes))))


def _pointwise(weights: torch.Tensor) -> nn.Conv3d:
    out, into = weights.shape
    layer = nn.Conv3d(into, out, 1, bias=False)
    with torch.no_grad():
        layer.weight.copy_(weights[:, :, None, None, None])
    return layer


def switched(networks: Sequence[nn.Module], like: torch.Tensor) -> list[nn.Module]:
    """Return the networks behind switches, ready to be asked, on a volume's device (C, X, Y, Z)."""
    return [Switched(n, len(like)).to(like.device).eval() for n in networks]


def with_other(volume: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """Return the input (2 C + 1, X, Y, Z) of :class:`Switched` with nothing hidden."""
    return torch.cat([volume, other - volume, torch.full_like(volume[:1], CLOSED)])


def other_volume(
    volume: NDArray, donor: NDArray, *, exchanged: Sequence[bool], cube: int
) -> NDArray:
    """Return what hidden cubes show: channels of the donor, and of the others the local mean.

    Parameters
    ----------
    volume, donor : (C, X, Y, Z) array
        Of the patient, and of another one on the same box.
    exchanged : (C,) sequence of bool
        Channels that are taken from the donor.
    cube : int
        Voxels along an axis, over which the local mean is taken.
    """
    means = (ndimage.uniform_filter(c.astype(np.float32), cube, mode="nearest") for c in volume)
    chosen = [d if e else m for m, d, e in zip(means, donor, exchanged, strict=True)]
    return np.stack(chosen).astype(np.float32)
