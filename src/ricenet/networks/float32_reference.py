"""What the layers of a network are compared with: the same layer in float32, and the error.

Tensors are ``(B, C, X, Y, Z)``.
"""

from __future__ import annotations

from math import prod

import torch
import torch.nn.functional as F
from torch import nn

# oneDNN's float32 is held against torch's own convolution, which unrolls so much at once.
UNROLLED_BYTES = 2e9


class Rewritten(nn.Module):
    """A layer that computes some of a network's layers in another way."""

    def plain(self, x: torch.Tensor, *, rounded: torch.dtype | None = None) -> torch.Tensor:
        """Compute the same in single precision, by the network's own layers.

        With ``rounded``, numbers are rounded to that type where the layer itself rounds them.
        Convolutions are those of :func:`convolve_in_slabs`. Without gradients, the running
        statistics of its norms move, as in a step of training.
        """
        raise NotImplementedError


def relative_error(
    found: torch.Tensor, expected: torch.Tensor, terms: torch.Tensor | None = None
) -> float:
    """Return the larger of two errors.

    Of the norms, and of the largest elements; infinite if not finite.

    The first sees a small error everywhere, the second a large one in a few elements.

    Parameters
    ----------
    found, expected : tensors of one shape
    terms : tensor
        What ``expected`` is a sum or difference of, in size: where that cancels, what is left is
        rounding, and the error is measured against the terms.
    """
    expected = expected.detach()
    difference = torch.sub(found.detach().to(expected.device), expected)
    norms = [torch.linalg.vector_norm(t) for t in (difference, expected)]
    peaks = [torch.linalg.vector_norm(t, float("inf")) for t in (difference, expected)]
    if terms is not None:
        norms[1] = torch.maximum(norms[1], torch.linalg.vector_norm(terms))
        peaks[1] = torch.maximum(peaks[1], torch.linalg.vector_norm(terms, float("inf")))
    ratios = []
    for error, size in (norms, peaks):
        if not (torch.isfinite(error) and torch.isfinite(size)):
            return float("inf")
        ratios.append((error / size).item() if error else 0.0)
    return max(ratios)


def terms_of(
    module: nn.Module, x: torch.Tensor, upstream: torch.Tensor
) -> list[torch.Tensor | None]:
    """Return the size of what a layer's gradients are summed from, None if of all.

    A bias's gradient, or that of a norm's factor, is a sum over all voxels, and 0 but for rounding
    where a batch norm follows. That of a batch norm's input is a difference, and nearly 0 where a
    channel has few values.
    """
    upstream = upstream.float()
    channels = torch.linalg.vector_norm(upstream.transpose(0, 1).flatten(1), dim=1)
    of_input = None
    if isinstance(module, nn.BatchNorm3d):
        deviation = x.float().var((0, 2, 3, 4), correction=0).add(module.eps).sqrt().to(upstream)
        of_input = upstream * (module.weight.to(upstream) / deviation).view(1, -1, 1, 1, 1)
    return [of_input, *(channels if p.dim() == 1 else None for p in module.parameters())]


def convolve_in_slabs(
    x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None, *, like: nn.Conv3d
) -> torch.Tensor:
    """Convolve slab by slab along the first axis, so that an unrolled slab fits the memory.

    torch's own convolutions unroll their input: every voxel as often as the kernel has weights,
    90 GB for the first layer of ResNet18 on two volumes of 224^3.

    Parameters
    ----------
    x : (B, C, X, Y, Z) tensor
    weight, bias : tensors
    like : nn.Conv3d
        Kernel, stride and zero padding.
    """
    sizes = zip(x.shape[2:], like.kernel_size, like.dilation, strict=True)
    reach = [(k - 1) * d + 1 for _, k, d in sizes]  # voxels that a kernel spans
    padding = [int(p) for p in like.padding]
    shape = zip(x.shape[2:], reach, padding, like.stride, strict=True)
    planes, *across = ((n + 2 * p - span) // s + 1 for n, span, p, s in shape)
    plane_bytes = 4 * len(x) * x.shape[1] * prod(like.kernel_size) * prod(across)
    at_once = max(1, int(UNROLLED_BYTES // plane_bytes))
    if at_once >= planes:
        return F.conv3d(x, weight, bias, like.stride, like.padding, like.dilation, like.groups)
    before, *others = padding
    padded, step = F.pad(x, (0, 0, 0, 0, before, before)), like.stride[0]
    slabs = []
    for first in range(0, planes, at_once):
        last = min(first + at_once, planes) - 1
        slab = padded[:, :, step * first : step * last + reach[0]]
        slabs.append(
            F.conv3d(slab, weight, bias, like.stride, (0, *others), like.dilation, like.groups)
        )
    return torch.cat(slabs, 2)
