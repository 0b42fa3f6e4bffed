"""What hiding cubes changes: of the logit, signed, model by model.

The logit is that of RICE against recurrence. Unlike the probability it does not saturate where the
network is sure. ``P`` cubes, ``M`` models; a change is positive where the cube was evidence for the
class that the ensemble predicts.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ricenet.explain.occlusion.cubes import average

TINY = 1e-300  # a probability that single precision has rounded to 0


class Parts(NamedTuple):
    """Sums of a map in the brain: evidence for the predicted class, and against it; both >= 0."""

    for_it: float
    against: float


def logits(probabilities: NDArray) -> NDArray:
    """Return the logits (...) of RICE, of probabilities (..., 2) of recurrence and RICE."""
    recurrence, rice = np.moveaxis(np.asarray(probabilities, dtype=float), -1, 0)
    return np.log(np.maximum(rice, TINY)) - np.log(np.maximum(recurrence, TINY))


def changes(clean: NDArray, hidden: NDArray, *, predicted: int | None = None) -> NDArray:
    """Return each model's change of the logit (M, P) where a cube is hidden: clean minus hidden.

    Parameters
    ----------
    clean, hidden : (M, 2) and (M, P, 2) array
        Probabilities without and with the cube.
    predicted : {0, 1}, optional
        Class that positive changes speak for; by default the one of the larger mean probability.
    """
    if predicted is None:
        predicted = int(clean.mean(axis=0).argmax())
    return (1 if predicted else -1) * (logits(clean)[:, None] - logits(hidden))


def mean_map(change: NDArray, places: NDArray, brain: NDArray, *, cube: int) -> NDArray:
    """Return the map (X, Y, Z) of the models' mean change, see :func:`.occlusion.cubes.average`."""
    return average(change.mean(axis=0), places, brain, cube=cube)


def parts(change: NDArray) -> Parts:
    """Split a map into what speaks for the predicted class and what against it."""
    return Parts(float(np.maximum(change, 0).sum()), float(np.maximum(-change, 0).sum()))
