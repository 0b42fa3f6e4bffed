"""Boxes to hide in a volume, and the plain way to measure the effect: whole forward passes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import nn

from ricenet.explain.occlusion.boxes import Boxes, slices
from ricenet.networks import inference

Batch = tuple[NDArray, torch.Tensor]  # places among the boxes, and their (B, K) outputs


class Hidden(NamedTuple):
    """What is hidden, and what replaces it.

    Attributes
    ----------
    boxes : Boxes
        Where, in the volume.
    channels : sequence of int
        In which of its channels.
    fill : (C,) or (Q, C) array
        Value in each of these channels, the same for all boxes or one for each.
    """

    boxes: Boxes
    channels: Sequence[int]
    fill: ArrayLike


def fill_in(crops: torch.Tensor, starts: NDArray, hidden: Hidden, chosen: NDArray) -> None:
    """Hide each chosen box in its own crop (B, C, X, Y, Z), which begins at ``starts`` (B, 3)."""
    first, end = hidden.boxes.first[chosen] - starts, hidden.boxes.last[chosen] - starts + 1
    shape = len(hidden.boxes.first), len(hidden.channels)
    fill = np.broadcast_to(np.asarray(hidden.fill), shape)[chosen]
    for sample, a, b, values in zip(crops, first, end, fill.tolist(), strict=True):
        for channel, value in zip(hidden.channels, values, strict=True):
            sample[(channel, *slices(a, b))] = value


@torch.inference_mode()
def whole(
    network: nn.Module, volume: torch.Tensor, hidden: Hidden, *, batch_size: int, precision: str
) -> Iterator[Batch]:
    """Run the whole network for each hidden box; ``volume`` is (C, X, Y, Z).

    Parameters
    ----------
    precision : str
        See :mod:`ricenet.networks.inference`.
    """
    cubes = np.arange(len(hidden.boxes.first))
    for start in range(0, len(cubes), batch_size):
        chosen = cubes[start : start + batch_size]
        batch = volume[None].repeat(len(chosen), 1, 1, 1, 1)
        fill_in(batch, np.zeros((len(chosen), 3), int), hidden, chosen)
        yield chosen, inference.logits(network, batch, precision=precision)
