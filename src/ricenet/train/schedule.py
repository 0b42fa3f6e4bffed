"""The learning rate of each step of a training."""

from __future__ import annotations

import math

from ricenet.config.train import TrainModel


def rates(settings: TrainModel, *, epoch: int, steps: int) -> list[float]:
    """Return the learning rate of each optimiser step of an epoch.

    ``cosine`` falls to 0 along half a cosine (Loshchilov and Hutter, arXiv 1608.03983, without
    restarts), after a linear rise in the first steps (Goyal et al., arXiv 1706.02677). Each rate
    follows from the step's number alone: a training that is resumed goes on with the same ones.

    Parameters
    ----------
    epoch : int
        From 0.
    steps : int
        Of an epoch.

    Returns
    -------
    list of float
        Dimensionless.
    """
    total = settings.epochs * steps
    rising = round(settings.warmup * total)
    return [
        settings.learning_rate * _factor(number, rising, total, settings.schedule)
        for number in range(epoch * steps, (epoch + 1) * steps)
    ]


def _factor(number: int, rising: int, total: int, schedule: str) -> float:
    """Return the share of the full rate at a step, counted from 0."""
    if number < rising:
        return (number + 1) / rising
    if schedule == "constant":
        return 1.0
    return 0.5 + 0.5 * math.cos(math.pi * (number - rising) / max(1, total - rising))
