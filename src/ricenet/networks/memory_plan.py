"""The memory that training needs, and the number of samples that fit at once.

Counted from the network's layers, without torch, so that a study is refused before any job is
submitted. ``tests/networks/test_memory_plan.py`` holds the count against the tensors that torch
really keeps.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any, NamedTuple

STAGES = (64, 128, 256, 512)  # channels of MONAI's ResNet18
GB = 1e9
# Share for what is not counted: workspaces of the convolutions, fragments, the driver.
SPARE = 0.15
# Elements of the stem's map at a time: above 2^31 kernels get slow, below this they are no faster.
LARGEST_MAP = 2**27
MANY = 2**31


class Need(NamedTuple):
    """Bytes that a training takes.

    Attributes
    ----------
    kept : int
        Activations kept for the backward pass, bytes per sample.
    passing : int
        Temporary tensors, bytes per sample.
    stem : int
        Temporary tensors of the stem, bytes per sample.
    together : int
        Samples that the stem processes at once.
    fixed : int
        Weights, gradients, moments of the optimiser, bytes.
    """

    kept: int
    passing: int
    stem: int
    together: int
    fixed: int

    def bytes(self, samples: int) -> int:
        """Return the memory for a number of samples in one forward pass, with a margin."""
        stem = min(samples, self.together) * self.stem
        return int((samples * (self.kept + self.passing) + stem + self.fixed) / (1 - SPARE))


def sizes(shape: Sequence[int], *, stem_stride: int) -> list[int]:
    """Return voxel counts of the stem's map, layer1 (after the max-pool), layer2, 3 and 4."""
    edges = [list(shape)]
    for stride in (stem_stride, 2, 2, 2, 2):
        edges.append([-(-n // stride) for n in edges[-1]])
    return [prod(e) for e in edges[1:]]


def parameters(in_channels: int, *, width: float) -> int:
    """Count the weights of the network."""
    stem, *_, last = maps = [int(c * width) for c in STAGES]
    total = stem * in_channels * 343 + 2 * stem + 2 * last + 2
    before = stem
    for stage, c in enumerate(maps):
        total += 27 * c * (before + 3 * c) + 8 * c
        total += (before * c + 3 * c) if stage else 0  # shortcut of 1x1x1 with bias, its norm
        before = c
    return total


def need(
    shape: Sequence[int],
    in_channels: int,
    *,
    stem_stride: int,
    width: float,
    bf16: bool,
    small_stem: bool,
) -> Need:
    """Count what a training takes.

    Parameters
    ----------
    small_stem : bool
        Whether the stem is that of :mod:`ricenet.networks.resnet_stem`.
    """
    size = 2 if bf16 else 4
    full, *after = sizes(shape, stem_stride=stem_stride)
    maps = [int(c * width) for c in STAGES]
    volume, pooled = in_channels * prod(shape), maps[0] * after[0]
    # a block keeps four maps, each input of a convolution or of a norm; shortcuts keep one
    body = sum((8 + (i > 0)) * c * n for i, (c, n) in enumerate(zip(maps, after, strict=True)))
    weights = parameters(in_channels, width=width)
    large = maps[0] * full
    passing = 8 * volume  # float32 batch before and after augmentation
    if small_stem:
        kept = size * (volume + 2 * pooled + body)
        passing += 3 * 4 * pooled  # float32 of pooled size
        # map, its gradient, places of the maxima, folded volume
        stem, together = size * (2 * large + 7 * volume * bf16) + 8 * pooled, stem_samples(large)
    else:
        # map, its normalised copy, places of the maxima; then two gradients of the map
        kept = size * (volume + 2 * large + pooled + body) + 8 * pooled
        stem, together = size * 2 * large, MANY
    fixed = weights * (4 + 4 + 8 + (2 if bf16 else 0))
    return Need(kept, passing, stem, together, fixed)


def stem_samples(elements: int) -> int:
    """Return how many samples the small stem computes together, given the elements of one map."""
    return max(1, LARGEST_MAP // max(1, elements))


def samples_at_once(batch_size: int, asked: Need, *, memory: float) -> int:
    """Return the largest divisor of the batch size that fits into a memory.

    Parameters
    ----------
    memory : float
        Bytes.

    Raises
    ------
    ValueError
        Not even one sample fits.
    """
    for samples in range(batch_size, 0, -1):
        if batch_size % samples == 0 and asked.bytes(samples) <= memory:
            return samples
    passing = asked.passing + asked.stem
    raise ValueError(
        f"one training sample needs {asked.bytes(1) / GB:.1f} GB ({asked.kept / GB:.1f} kept for "
        f"the backward pass, {passing / GB:.1f} for temporary tensors, {asked.fixed / GB:.1f} for "
        f"weights and optimiser, {100 * SPARE:.0f} % spare) and there are {memory / GB:.1f} GB; "
        "set model.stem_stride to 2, precision to bf16, a smaller crop.shape or width, or take a "
        "larger device"
    )


def study_mb(s: dict[str, Any], shape: Sequence[int], in_channels: int) -> int:
    """Return the MB of device memory that a study's largest training takes.

    On a GPU unless it is ``cpu``.

    Parameters
    ----------
    s : dict
        Section ``train_model`` of the configuration.

    Raises
    ------
    ValueError
        The memory that the section gives holds not even one sample.
    """
    bf16 = s["precision"] == "bf16" or (s["precision"] == "auto" and s["device"] != "cpu")
    asked = need(shape, in_channels, **s["model"], bf16=bf16, small_stem=True)
    samples = s["batch_size"]
    if s["memory_gb"]:
        samples = samples_at_once(samples, asked, memory=s["memory_gb"] * GB)
    return round(asked.bytes(samples) / 1e6)
