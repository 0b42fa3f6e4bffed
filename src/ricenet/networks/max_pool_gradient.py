"""The gradient of a max-pool of three voxels a side and stride 2, in a fixed order of sums.

Tensors are ``(B, C, X, Y, Z)``.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from itertools import product

import torch
import torch.nn.functional as F

AT_ONCE = 4  # channels that are gathered together without a compiler


def first_of_windows(y: torch.Tensor) -> torch.Tensor:
    """Return the value of the first voxel in each window of the max-pool."""
    for axis in (2, 3, 4):
        first = torch.arange(-1, y.shape[axis] - 1, 2, device=y.device).clamp_min(0)
        y = y.index_select(axis, first)
    return y


def unpool(gradient: torch.Tensor, y: torch.Tensor, *, method: str) -> torch.Tensor:
    """Route the gradient of the max-pool of y to the voxels where the maxima were found.

    ``method`` is ``gather`` of :class:`ricenet.networks.resnet_stem.Stem`.
    """
    _, places = F.max_pool3d(y, 3, 2, 1, return_indices=True)
    if method == "compiled":
        return compiled_gather()(gradient, places, y)
    if method == "eager":  # a few channels at a time, for its intermediate tensors
        parts = zip(*(t.split(AT_ONCE, dim=1) for t in (gradient, places, y)), strict=True)
        return torch.cat([gather(*part) for part in parts], dim=1)
    three, two, one = [3] * 3, [2] * 3, [1] * 3
    return torch.ops.aten.max_pool3d_with_indices_backward(
        gradient, y, three, two, one, one, False, places
    )


def gather(gradient: torch.Tensor, places: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Sum, for each voxel, over the up to eight windows that hold it: a fixed order.

    Eager, it makes large intermediate tensors; compiled, it is one pass.
    """
    shape, windows = y.shape[2:], gradient.shape[2:]
    voxel = torch.arange(y[0, 0].numel(), device=y.device).view(shape)
    positions = [torch.arange(n, device=y.device) for n in shape]
    found = torch.zeros_like(y)
    for shifts in product((0, 1), repeat=3):
        index, valid = [], []
        for axis, (at, shift, count) in enumerate(zip(positions, shifts, windows, strict=True)):
            view = [1 if other != axis else -1 for other in range(3)]
            window = (at + shift) // 2  # an even voxel lies in one window, an odd one in two
            real = (window < count) & ((at % 2 == 1) | (shift == 0))
            index.append(window.clamp_max(count - 1).view(view))
            valid.append(real.view(view))
        i, j, k = index
        here = (places[:, :, i, j, k] == voxel) & (valid[0] & valid[1] & valid[2])
        found = found + torch.where(here, gradient[:, :, i, j, k], 0)
    return found


@cache
def compiled_gather() -> Callable[..., torch.Tensor]:
    """Return :func:`gather` compiled to one pass; the compiler is loaded when it is needed."""
    return torch.compile(gather, dynamic=False)
