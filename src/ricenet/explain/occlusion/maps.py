"""Occlusion maps: how much the ensemble's probability depends on each place.

A cube is hidden at the same place in the chosen channels, and the change of the probability of the
predicted class is written to all its voxels (Zeiler and Fergus, arXiv 1311.2901). Arrays are
``(X, Y, Z)``, tensors ``(B, C, X, Y, Z)``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from ricenet.explain.occlusion.boxes import Boxes
from ricenet.explain.occlusion.cubes import average, changing, corners, fill_values
from ricenet.explain.occlusion.hidden import Batch, Hidden, whole
from ricenet.explain.occlusion.incremental import clean_output, incremental
from ricenet.explain.occlusion.layers import LocalNetwork, NotLocalError, local_network
from ricenet.networks import inference


class Occlusion(NamedTuple):
    """An occlusion map and what it was made from.

    Attributes
    ----------
    change : (X, Y, Z) float32 array
        Clean minus occluded probability of the predicted class, mean of the cubes that cover the
        voxel: positive = evidence for that class. 0 outside the brain.
    predicted : int
        Class that the ensemble predicts for the clean volume.
    clean : (M, K) float array
        Each model's probabilities for the clean volume.
    places : (P, 3) int array
        First corners of the cubes that meet the brain.
    hidden : (M, P, K) float array
        Each model's probabilities with each cube hidden.
    skipped : int
        Cubes that hide nothing but the fill value: the clean probabilities are theirs, exactly.
    whole_because : str
        Why whole forward passes were needed; empty if they were not.
    """

    change: NDArray
    predicted: int
    clean: NDArray
    places: NDArray
    hidden: NDArray
    skipped: int
    whole_because: str

    @property
    def cubes(self) -> int:
        """Number of cubes."""
        return len(self.places)


def occlusion_map(
    models: Sequence[nn.Module],
    volume: torch.Tensor,
    brain: NDArray,
    *,
    cube: int,
    stride: int,
    channels: Sequence[int],
    batch_size: int,
    fill: Sequence[float | None],
    precision: str,
    progress: Callable[[int, int], None],
) -> Occlusion:
    """Hide one cube after the other and measure its effect.

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
    channels : sequence of int
        Channels in which a cube is hidden: all of them, or one to see its share.
    batch_size : int
        Cubes at a time.
    fill : (C,) sequence of float or None
        Value in the hidden cube, of each channel of the volume; ``None``: the mean of what is
        hidden, so that the level stays and the shape goes.
    precision : str
        In which the networks are asked, see :mod:`ricenet.networks.inference`.
    progress : function
        Called with the number of cubes done and of all, each counted once for every model.

    Raises
    ------
    ValueError
        A model is in training mode, or cube and stride do not fit.
    """
    if any(module.training for network in models for module in network.modules()):
        raise ValueError("a model is in training mode: its batch norm would depend on the batch")
    places = corners(brain, cube=cube, stride=stride)
    chosen_channels = volume[list(channels)].float().cpu().numpy()
    values = fill_values(chosen_channels, places, [fill[c] for c in channels], cube=cube)
    changed = changing(chosen_channels, places, values, cube=cube)
    first = places[changed]
    boxes = Boxes(first, first + cube - 1, np.array(brain.shape))
    hiding = Hidden(boxes, channels, values[changed])
    ways = [_way(network) for network in models]
    paths = list(zip(models, ways, strict=True))
    with inference.precision_context(precision, volume.device):
        clean = np.stack([_numpy(_clean(*path, volume, precision)) for path in paths])  # (M, K)
        hidden = np.repeat(clean[:, None], len(places), axis=1)  # (M, P, K)
        done = 0
        for path, found in zip(paths, hidden, strict=True):
            for chosen, outputs in _outputs(*path, volume, hiding, batch_size, precision):
                found[changed[chosen]] = _numpy(torch.softmax(outputs.float(), dim=1))
                done += len(chosen)
                progress(done, len(models) * len(changed))
    predicted = int(clean.mean(0).argmax())
    change = average((clean[:, None] - hidden).mean(0)[:, predicted], places, brain, cube=cube)
    skipped = len(places) - len(changed)
    return Occlusion(
        change.astype(np.float32), predicted, clean, places, hidden, skipped,
        "; ".join(sorted({way for way in ways if isinstance(way, str)})),
    )  # fmt: skip


def _way(network: nn.Module) -> LocalNetwork | str:
    """Split the network into layers, or return why whole forward passes are needed."""
    try:
        return local_network(network)
    except NotLocalError as error:
        return str(error)


def _outputs(
    network: nn.Module,
    way: LocalNetwork | str,
    volume: torch.Tensor,
    hiding: Hidden,
    batch_size: int,
    precision: str,
) -> Iterator[Batch]:
    if isinstance(way, str):
        return whole(network, volume, hiding, batch_size=batch_size, precision=precision)
    return incremental(way, volume, hiding, batch_size=batch_size)


@torch.inference_mode()
def _clean(
    network: nn.Module, way: LocalNetwork | str, volume: torch.Tensor, precision: str
) -> torch.Tensor:
    if isinstance(way, str):
        return inference.probabilities(network, volume[None], precision=precision)[0]
    return torch.softmax(clean_output(way, volume).float(), dim=1)[0]


def _numpy(values: torch.Tensor) -> NDArray:
    return values.double().cpu().numpy()
