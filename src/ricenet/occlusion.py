"""Occlusion maps: how much the ensemble's probability depends on each place.

A cube is hidden at the same place in all channels, and the change of the probability of the
predicted class is written to all its voxels (Zeiler and Fergus, arXiv 1311.2901). Arrays are
``(X, Y, Z)``, tensors ``(B, C, X, Y, Z)``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import product
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from ricenet.model import probabilities

Corner = tuple[int, int, int]


class Occlusion(NamedTuple):
    """An occlusion map.

    Attributes
    ----------
    change : (X, Y, Z) float32 array
        Clean minus occluded probability of the predicted class, mean of the cubes that cover the
        voxel: positive = evidence for that class. 0 outside the brain.
    predicted : int
        Class that the ensemble predicts for the clean volume.
    clean : (M, 2) float array
        Each model's probabilities for the clean volume.
    cubes : int
        Number of cubes tried.
    """

    change: NDArray
    predicted: int
    clean: NDArray
    cubes: int


def corners(brain: NDArray, *, cube: int, stride: int) -> list[Corner]:
    """First corners of the cubes that meet the brain.

    The last cube of an axis is moved back to end with the volume, so that every voxel is covered.

    Raises
    ------
    ValueError
        The cube is larger than the volume, or the stride leaves gaps.
    """
    if not 1 <= stride <= cube <= min(brain.shape):
        raise ValueError(
            f"cube {cube} and stride {stride} voxels for a volume of {brain.shape}: "
            f"1 <= stride <= cube <= volume is needed; change cube_mm or stride_mm"
        )
    starts = [sorted({*range(0, n - cube, stride), n - cube}) for n in brain.shape]
    return [(x, y, z) for x, y, z in product(*starts) if brain[_box((x, y, z), cube)].any()]


def occlusion_map(
    models: Sequence[nn.Module],
    volume: torch.Tensor,
    brain: NDArray,
    *,
    cube: int,
    stride: int,
    batch_size: int,
    fill: Sequence[float],
    progress: Callable[[int, int], None],
) -> Occlusion:
    """Hide one cube after the other and see what it does.

    Parameters
    ----------
    models : sequence of nn.Module
        The ensemble, in evaluation mode, on the volume's device.
    volume : (C, X, Y, Z) float32 tensor
        Input of the networks.
    brain : (X, Y, Z) bool array
        Cubes that miss it are not tried.
    cube, stride : int
        Edge and distance of the cubes, voxels.
    fill : (C,) sequence of float
        Value in the hidden cube, of each channel.
    progress : function
        Called with the number of cubes done and of all.

    Raises
    ------
    ValueError
        A model is in training mode, or cube and stride do not fit.
    """
    if any(module.training for network in models for module in network.modules()):
        raise ValueError("a model is in training mode: its batch norm would depend on the batch")
    places = corners(brain, cube=cube, stride=stride)
    clean = _predict(models, volume[None])[:, 0]  # (M, 2)
    predicted = int(clean.mean(0).argmax())
    total, count = np.zeros(brain.shape), np.zeros(brain.shape)
    done = 0
    for chunk in _chunks(places, batch_size):
        occluded = _hide(volume, chunk, cube=cube, fill=fill)
        hidden = _predict(models, occluded).mean(0)[:, predicted]  # (B,)
        change = clean.mean(0)[predicted] - hidden
        for place, value in zip(chunk, change.double().cpu().numpy(), strict=True):
            total[_box(place, cube)] += value
            count[_box(place, cube)] += 1
        done += len(chunk)
        progress(done, len(places))
    mean = np.where(brain, total / np.maximum(count, 1), 0).astype(np.float32)
    return Occlusion(mean, predicted, clean.double().cpu().numpy(), len(places))


@torch.inference_mode()
def _predict(models: Sequence[nn.Module], batch: torch.Tensor) -> torch.Tensor:
    return torch.stack([probabilities(network, batch) for network in models])  # (M, B, 2)


def _hide(
    volume: torch.Tensor, places: Sequence[Corner], *, cube: int, fill: Sequence[float]
) -> torch.Tensor:
    batch = volume[None].repeat(len(places), 1, 1, 1, 1)  # (B, C, X, Y, Z)
    values = torch.as_tensor(fill, dtype=volume.dtype, device=volume.device)[:, None, None, None]
    for sample, place in zip(batch, places, strict=True):
        sample[(slice(None), *_box(place, cube))] = values
    return batch


def _box(corner: Corner, cube: int) -> tuple[slice, slice, slice]:
    x, y, z = corner
    return slice(x, x + cube), slice(y, y + cube), slice(z, z + cube)


def _chunks(places: list[Corner], size: int) -> Iterator[list[Corner]]:
    return (places[i : i + size] for i in range(0, len(places), size))
