"""The memory that training needs, and the number of samples that go at once.

Counted from the network's layers, without torch, so that a study is refused before any job is
submitted. ``tests/test_plan.py`` holds the count against the tensors that torch really keeps.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any, NamedTuple

STAGES = (64, 128, 256, 512)  # channels of MONAI's ResNet18
GB = 1e9
# Share for what is not counted: workspaces of the convolutions, fragments, the driver.
SPARE = 0.15


class Need(NamedTuple):
    """Bytes that a training takes.

    Attributes
    ----------
    kept : int
        For the backward pass, a sample.
    passing : int
        Largest tensors that live for a moment, a sample.
    fixed : int
        Weights, gradients, moments of the optimiser.
    """

    kept: int
    passing: int
    fixed: int

    def bytes(self, samples: int) -> int:
        """With so many samples at once."""
        return int((samples * (self.kept + self.passing) + self.fixed) / (1 - SPARE))


def sizes(shape: Sequence[int], *, stem_stride: int) -> list[int]:
    """Voxels of the stem's map, of layer1 (after the max-pool), layer2, layer3, layer4."""
    edges = [list(shape)]
    for stride in (stem_stride, 2, 2, 2, 2):
        edges.append([-(-n // stride) for n in edges[-1]])
    return [prod(e) for e in edges[1:]]


def parameters(in_channels: int, *, width: float) -> int:
    """Weights of the network."""
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
        Whether the stem is that of :mod:`ricenet.stem`.
    """
    size = 2 if bf16 else 4
    full, *after = sizes(shape, stem_stride=stem_stride)
    maps = [int(c * width) for c in STAGES]
    volume, pooled = in_channels * prod(shape), maps[0] * after[0]
    # a block keeps four maps, each input of a convolution or of a norm; shortcuts keep one
    body = sum((8 + (i > 0)) * c * n for i, (c, n) in enumerate(zip(maps, after, strict=True)))
    weights = parameters(in_channels, width=width)
    large = maps[0] * full
    if small_stem:
        kept = size * (volume + 2 * pooled + body)
        # map, its gradient, folded volume; places of the maxima; some float32 of pooled size
        passing = size * 2 * large + (8 + 12) * pooled + 7 * size * volume * bf16
    else:
        # map, its normalised copy, places of the maxima
        kept = size * (volume + 2 * large + pooled + body) + 8 * pooled
        passing = size * 2 * large
    passing += 8 * volume  # float32 batch before and after augmentation
    fixed = weights * (4 + 4 + 8 + (2 if bf16 else 0))
    return Need(kept, passing, fixed)


def samples_at_once(batch_size: int, asked: Need, *, memory: float) -> int:
    """Largest divisor of the batch size that fits into a memory.

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
    raise ValueError(
        f"one training sample needs {asked.bytes(1) / GB:.1f} GB ({asked.kept / GB:.1f} kept for "
        f"the backward pass, {asked.passing / GB:.1f} for a moment, {asked.fixed / GB:.1f} for "
        f"weights and optimiser, {100 * SPARE:.0f} % spare) and there are {memory / GB:.1f} GB; "
        "set model.stem_stride to 2, precision to bf16, a smaller crop.shape or width, or take a "
        "larger device"
    )


def study_mb(s: dict[str, Any], shape: Sequence[int], in_channels: int) -> int:
    """MB of device memory that a study's largest training takes; on a GPU unless it says ``cpu``.

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
