"""What a job asks of the scheduler."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ricenet.config.train import TrainModel
from ricenet.networks import build
from ricenet.networks.memory_plan import GB, samples_at_once


def growing(amount: int) -> Callable[[Any, int], int]:
    """Return the resources function of a rule.

    So much at the first attempt, and as much more at each retry.

    A job that a scheduler ended for its memory or its time would end the same way again.

    Parameters
    ----------
    amount : int
        Of the resource in its own unit, MB or minutes.
    """

    def of_attempt(wildcards: Any, attempt: int) -> int:
        return amount * attempt

    return of_attempt


def training_mb(s: TrainModel, shape: Sequence[int], in_channels: int) -> int:
    """Return the MB of device memory that a study's largest training takes.

    On a GPU unless it is ``cpu``.

    Raises
    ------
    ValueError
        The memory that the section gives holds not even one sample, or the network has no use for
        volumes so small.
    """
    bf16 = s.precision == "bf16" or (s.precision == "auto" and s.device != "cpu")
    asked = build.need_of_training(s, shape, in_channels, bf16=bf16, saving=True)
    samples = s.batch_size
    if s.memory_gb:
        samples = samples_at_once(samples, asked, memory=s.memory_gb * GB)
    return round(asked.bytes(samples) / 1e6)
