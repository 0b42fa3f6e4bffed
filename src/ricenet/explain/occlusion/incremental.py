"""Outputs of a network for a volume with a hidden box, from what the box changes alone.

Hiding a box changes a box of every activation (:mod:`ricenet.explain.occlusion.boxes`). The clean
activations are computed once; of each layer only the changed box is computed again, from the
changed boxes of the layers before and the clean activations around them. The result is that of
the whole network up to rounding. Tensors are ``(B, C, X, Y, Z)``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from ricenet.explain.occlusion.boxes import (
    POINT,
    Boxes,
    Crop,
    by_size,
    crop,
    read_by,
    slices,
    through,
    union,
)
from ricenet.explain.occlusion.hidden import Batch, Hidden, fill_in
from ricenet.explain.occlusion.layers import Layer, LocalNetwork


class Changed(NamedTuple):
    """An activation's true values inside crops that hold everything that has changed."""

    values: torch.Tensor  # (B, C, *crop.size)
    crop: Crop


@torch.inference_mode()
def incremental(
    network: LocalNetwork, volume: torch.Tensor, hidden: Hidden, *, batch_size: int
) -> Iterator[Batch]:
    """Run the network for each hidden box, in batches of boxes that change equally much.

    Parameters
    ----------
    volume : (C, X, Y, Z) tensor
        Clean input, on the network's device and of its type.
    batch_size : int
        Boxes at a time, which bounds the memory beside that of the clean activations.
    """
    boxes = changed_boxes(network, hidden.boxes)
    clean = clean_activations(network, volume, boxes)
    order = by_size(list(boxes.values()))
    for start in range(0, len(order), batch_size):
        chosen = order[start : start + batch_size]
        yield chosen, batch_outputs(network, clean, boxes, hidden, chosen)


@torch.inference_mode()
def clean_output(network: LocalNetwork, volume: torch.Tensor) -> torch.Tensor:
    """Run the network for the clean volume (C, X, Y, Z), averaged as for a hidden box; (1, K)."""
    last = clean_activations(network, volume, None)[network.last]
    nothing = Changed(last[None, :, :0, :0, :0], Crop(np.zeros((1, 3), int), np.zeros(3, int)))
    return network.head(_average(last, nothing))


def changed_boxes(network: LocalNetwork, hidden: Boxes) -> dict[str, Boxes]:
    """Return the boxes of every activation that can change, by its name."""
    boxes = {network.volume: hidden}
    for layer in network.layers:
        boxes[layer.name] = through(union([boxes[name] for name in layer.inputs]), layer.window)
    return boxes


def clean_activations(
    network: LocalNetwork, volume: torch.Tensor, boxes: dict[str, Boxes] | None
) -> dict[str, torch.Tensor]:
    """Clean activations that crops are taken from, and the last one, without the batch axis.

    Without boxes no crops are taken.
    """
    kept = {network.volume, network.last}
    if boxes is not None:
        for layer in network.layers:
            kept |= {name for name in layer.inputs if not _passes_on(layer, name, boxes)}
    values = {network.volume: volume[None]}
    for place, layer in enumerate(network.layers):
        values[layer.name] = layer.whole(*(values[name] for name in layer.inputs))
        for name in _done(network, place) - kept:
            del values[name]
    return {name: values[name][0] for name in kept}


def _passes_on(layer: Layer, name: str, boxes: dict[str, Boxes]) -> bool:
    """Return whether the layer reads of an input exactly the changed crop, whatever the batch."""
    before, after = boxes[name], boxes[layer.name]
    same = np.array_equal(before.first, after.first) and np.array_equal(before.last, after.last)
    return layer.window == POINT and same


def _done(network: LocalNetwork, place: int) -> set[str]:
    """Return the names that the layer at ``place`` reads and no later one."""
    later = {name for layer in network.layers[place + 1 :] for name in layer.inputs}
    return set(network.layers[place].inputs) - later - {network.last}


def batch_outputs(
    network: LocalNetwork,
    clean: dict[str, torch.Tensor],
    boxes: dict[str, Boxes],
    hidden: Hidden,
    chosen: NDArray,
) -> torch.Tensor:
    """Run the network for the chosen cubes, in one batch; (B, K)."""
    changed = {network.volume: _hide(clean[network.volume], hidden, chosen)}
    for place, layer in enumerate(network.layers):
        out = crop(boxes[layer.name], chosen)
        crops = (_read(changed[n], clean.get(n), layer, out) for n in layer.inputs)
        changed[layer.name] = Changed(layer.inside(*crops), out)
        for name in _done(network, place):
            del changed[name]
    return network.head(_average(clean[network.last], changed[network.last]))


def _hide(volume: torch.Tensor, hidden: Hidden, chosen: NDArray) -> Changed:
    where = crop(hidden.boxes, chosen)
    values = _cut(volume, where, outside=0.0)
    fill_in(values, where.starts, hidden, chosen)
    return Changed(values, where)


def _read(changed: Changed, clean: torch.Tensor | None, layer: Layer, out: Crop) -> torch.Tensor:
    """Return input crops of a layer: clean activations with the changed crops pasted in."""
    where = read_by(out, layer.window)
    if clean is None or (
        np.array_equal(where.size, changed.crop.size)
        and np.array_equal(where.starts, changed.crop.starts)
    ):
        return changed.values
    values = _cut(clean, where, outside=layer.outside)
    for sample, start, box, at in zip(
        _array(values), where.starts, _array(changed.values), changed.crop.starts, strict=True
    ):
        _paste(sample, start, box, at)
    return values


def _cut(clean: torch.Tensor, where: Crop, *, outside: float) -> torch.Tensor:
    shape = (len(where.starts), len(clean), *(int(n) for n in where.size))
    inside = (where.starts >= 0).all() and (where.starts + where.size <= clean.shape[1:]).all()
    values = clean.new_empty(shape) if inside else clean.new_full(shape, outside)
    source, origin = _array(clean), np.zeros(3, int)
    for sample, start in zip(_array(values), where.starts, strict=True):
        _paste(sample, start, source, origin)
    return values


def _paste(into: Any, start: NDArray, source: Any, at: NDArray) -> None:
    """Copy where two arrays (C, X, Y, Z) that start at ``start`` and ``at`` overlap."""
    first = np.maximum(start, at)
    end = np.maximum(np.minimum(start + into.shape[1:], at + source.shape[1:]), first)
    into[(slice(None), *slices(first - start, end - start))] = source[
        (slice(None), *slices(first - at, end - at))
    ]


def _average(clean: torch.Tensor, changed: Changed) -> torch.Tensor:
    """Average over all voxels: the clean one plus what the crops add, summed in float64.

    At least in single precision: what one cube changes is below the rounding of bfloat16.
    """
    before = _cut(clean, changed.crop, outside=0.0)
    axes = (-3, -2, -1)
    difference = (changed.values - before).sum(axes, dtype=torch.float64)  # (B, C)
    total = clean.sum(axes, dtype=torch.float64) + difference
    mean = (total / clean[0].numel()).to(torch.promote_types(clean.dtype, torch.float32))
    return mean[..., None, None, None]


def _array(values: torch.Tensor) -> Any:
    """Return a view for copies; numpy's small ones cost less than torch's, which start threads."""
    return (
        values.numpy() if values.device.type == "cpu" and values.dtype != torch.bfloat16 else values
    )
