"""Instance norm that reads channels-last memory in its own order.

torch's own works channel after channel: it strides through channels-last memory, or copies it.
"""

from __future__ import annotations

import torch
from torch import nn

AT_ONCE = 1 << 18  # values summed at once, in single precision 1 MB: they stay in the cache


class InstanceNorm(nn.Module):
    """Drop-in for ``nn.InstanceNorm3d`` in inference, on one volume at a time.

    Statistics and scale are single precision whatever the arithmetic of the network.

    Parameters
    ----------
    norm : nn.InstanceNorm3d
        Weight, bias and epsilon are taken from it; it must be affine.
    """

    weight: torch.Tensor
    bias: torch.Tensor

    def __init__(self, norm: nn.InstanceNorm3d) -> None:
        super().__init__()
        self.register_buffer("weight", norm.weight.detach().float())
        self.register_buffer("bias", norm.bias.detach().float())
        self.eps = norm.eps

    def forward(self, volume: torch.Tensor) -> torch.Tensor:
        """Normalise each channel of a (1, C, X, Y, Z) volume."""
        mean, variance = moments(volume)
        scale = self.weight * torch.rsqrt(variance + self.eps)
        shift = self.bias - mean * scale
        scale, shift = (v.to(volume.dtype).view(1, -1, 1, 1, 1) for v in (scale, shift))
        return torch.addcmul(shift, volume, scale)


def moments(volume: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return mean and variance of each channel of a (1, C, X, Y, Z) volume, (C,) each, float32."""
    channels = volume.shape[1]
    voxels = volume.permute(0, 2, 3, 4, 1).reshape(-1, channels)  # no copy in channels-last memory
    total, squares = voxels.new_zeros((2, channels), dtype=torch.float32)
    for rows in voxels.split(max(1, AT_ONCE // channels)):
        values = rows.to(torch.float32, copy=True)
        total += values.sum(0)
        squares += values.square_().sum(0)
    mean = total / len(voxels)
    return mean, (squares / len(voxels) - mean.square()).clamp_min(0)


def replace_instance_norms(network: nn.Module) -> None:
    """Replace each ``nn.InstanceNorm3d`` by :class:`InstanceNorm`."""
    for name, child in network.named_children():
        if isinstance(child, nn.InstanceNorm3d):
            setattr(network, name, InstanceNorm(child))
        else:
            replace_instance_norms(child)
