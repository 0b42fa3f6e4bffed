"""How a training is fitted to its device."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from ricenet import plan
from ricenet.device import choose_device, memory_bytes
from ricenet.epoch import use_bf16


class Means(NamedTuple):
    """What the device allows.

    Attributes
    ----------
    samples : int
        At once.
    small_stem : bool
        Whether the stem is the one that saves memory.
    resident : bool
        Whether all subjects lie on the device; else in pinned memory of the host.
    """

    samples: int
    small_stem: bool
    resident: bool


def choose_means(s: dict[str, Any], subjects: int, shape: Sequence[int], channels: int) -> Means:
    """Fit a training to its device, see :mod:`ricenet.plan`.

    On a GPU the stem is always the small one, on a CPU where the plain one does not fit.
    """
    device = choose_device(s["device"])
    given = s["memory_gb"]
    memory = given * plan.GB if given else memory_bytes(device)
    bf16 = use_bf16(s["precision"], device)
    plain, small = (
        plan.need(shape, channels, **s["model"], bf16=bf16, small_stem=small)
        for small in (False, True)
    )
    small_stem = device.type == "cuda" or plain.bytes(s["batch_size"]) > memory
    asked = small if small_stem else plain
    samples = plan.samples_at_once(s["batch_size"], asked, memory=memory)
    cohort = 2 * subjects * channels * math.prod(shape)
    return Means(samples, small_stem, cohort + asked.bytes(samples) <= memory)
