"""Convolutions whose taps along the last axis are folded into channels.

Kernels for matrix units pad one to three channels to eight; folded, seven taps fill them. Tensors
are ``(B, C, X, Y, Z)``.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch.nn.grad import conv3d_weight


def fold(x: torch.Tensor, taps: int, stride: int) -> torch.Tensor:
    """Return (B, taps C, X, Y, Z) copies of a volume, one voxel apart in Z, every stride-th."""
    size, pad = x.shape[-1], taps // 2
    padded = F.pad(x, (pad, pad))
    return torch.cat([padded[..., k : k + size : stride] for k in range(taps)], dim=1)


def fold_weight(weight: torch.Tensor) -> torch.Tensor:
    """Return (O, taps C, kx, ky, 1) weight for a folded volume."""
    return weight.movedim(-1, 1).flatten(1, 2).unsqueeze(-1)


def convolve(x: torch.Tensor, weight: torch.Tensor, stride: int, *, folded: bool) -> torch.Tensor:
    """Return the convolution with padding that keeps the size."""
    pad = weight.shape[-1] // 2
    if not folded:
        return F.conv3d(x, weight, padding=pad, stride=stride)
    copies = fold(x, weight.shape[-1], stride)
    return F.conv3d(copies, fold_weight(weight), padding=(pad, pad, 0), stride=(stride, stride, 1))


def weight_gradient(
    dy: torch.Tensor, x: torch.Tensor, weight: torch.Tensor, stride: int, *, folded: bool
) -> torch.Tensor:
    """Return the gradient of the weight of :func:`convolve`."""
    pad, taps = weight.shape[-1] // 2, weight.shape[-1]
    if not folded:
        return conv3d_weight(x, weight.shape, dy, stride=stride, padding=pad)
    gradient = conv3d_weight(
        fold(x, taps, stride),
        fold_weight(weight).shape,
        dy,
        stride=(stride, stride, 1),
        padding=(pad, pad, 0),
    )
    return gradient.squeeze(-1).unflatten(1, (taps, -1)).movedim(1, -1)
