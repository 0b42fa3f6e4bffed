"""What needs no network: perfect reader, brightness count, hand features, probes of a box.

Volumes are (X, Y, Z) z-scored MRI, exactly 0 outside the brain, or a dose in units of 60 Gy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, stats

from ricenet.evaluate import probe_models
from ricenet.phantom.latents import SEPARATION

BRIGHT_Z, BRIGHT_DOSE = 2.5, 50 / 60
NEAR_MM = 40.0
DOSE_LEVELS_GY = (30, 50, 57)
INNER_FOLDS = 5


def latents_seen(inputs: str) -> list[str]:
    """Return the latents that a combination of inputs shows."""
    names = {"postop": "post", "event": "event", "dose": "dose"}
    channels = inputs.split("-")
    return [names[c] for c in channels] + (["pair"] if {"event", "dose"} <= {*channels} else [])


def perfect_score(truth: Mapping[str, Any], inputs: str) -> float:
    """Return what a reader without error would go by: the log likelihood ratio of the classes.

    Over one latent it is that latent, in another unit.
    """
    separation = SEPARATION._asdict()
    return sum(separation[name] * truth["latents"][name] for name in latents_seen(inputs))


def perfect_auc(inputs: str, scale: float) -> float:
    """Return the AUC of a reader without error, over all patients: Phi(d / sqrt 2)."""
    separation = SEPARATION._asdict()
    d = scale * np.sqrt(sum(separation[name] ** 2 for name in latents_seen(inputs)))
    return float(stats.norm.cdf(d / np.sqrt(2)))


def bright(volume: NDArray, kind: str) -> float:
    """Return the one number: how many voxels are bright."""
    return float((volume > (BRIGHT_DOSE if kind == "dose" else BRIGHT_Z)).sum())


def first_order(values: NDArray) -> list[float]:
    """Return mean, deviation, skewness, two percentiles and four counts of z-scores."""
    return [
        float(values.mean()), float(values.std()), float(stats.skew(values)),
        *np.percentile(values, [90, 99]).tolist(),
        *(float((values > t).sum()) for t in (1.5, 2.0, 2.5, 3.0)),
    ]  # fmt: skip


def roughness(volume: NDArray, where: NDArray) -> list[float]:
    """Return mean slope and mean curvature of the brighter voxels of a region."""
    bright_part = where & (volume > 1)
    if not bright_part.any():
        return [0.0, 0.0]
    slope = np.sqrt(sum(part**2 for part in np.gradient(volume)))
    return [float(slope[bright_part].mean()),
            float(np.abs(ndimage.laplace(volume))[bright_part].mean())]  # fmt: skip


def near_features(volume: NDArray, centre: Sequence[float], spacing_mm: float) -> list[float]:
    """Return the eleven features within 40 mm of a point, given in voxels."""
    axes = np.ogrid[tuple(slice(n) for n in volume.shape)]
    squared = sum((axis - c) ** 2 for axis, c in zip(axes, centre, strict=True))
    near = (squared * spacing_mm**2 < NEAR_MM**2) & (volume != 0)
    return [*first_order(volume[near]), *roughness(volume, near)]


def global_features(volume: NDArray) -> list[float]:
    """Return the twelve features of the whole brain."""
    brain = volume != 0
    return [*first_order(volume[brain]), *roughness(volume, brain), float(brain.sum())]


def dose_features(volume: NDArray) -> list[float]:
    """Return three volumes, mean and maximum of a dose."""
    levels = [float((volume > gy / 60).sum()) for gy in DOSE_LEVELS_GY]
    return [*levels, float(volume.mean()), float(volume.max())]


def features(
    recipe: str, volumes: Mapping[str, NDArray], truth: Mapping[str, Any], spacing_mm: float
) -> list[float]:
    """Return the features of one patient for a floor.

    Parameters
    ----------
    recipe : str
        A key of ``learning_recipes.FLOORS``.
    volumes : mapping of str to (X, Y, Z) array
        Of the input channels.
    """
    found: list[float] = []
    for name, data in volumes.items():
        volume = np.asarray(data, np.float32)
        if recipe == "brightness":
            found.append(bright(volume, name))
        elif name == "dose":
            found += dose_features(volume)
        elif recipe == "lr-near":
            centre = truth["lesion_voxel" if name == "event" else "cavity_voxel"]
            found += near_features(volume, centre, spacing_mm)
        else:
            found += global_features(volume)
    return found


def box_features(probe: str, box: NDArray, centre: Sequence[float]) -> list[float]:
    """Return what the box itself tells: where it lies in the head, or how much brain is in it.

    Parameters
    ----------
    probe : {"position", "size"}
    box : (C, X, Y, Z) array
    centre : sequence of 3 floats
        Of the box, voxels of the whole volume, whose middle is that of the brain's bounding box.
    """
    if probe == "position":
        return [float(v) for v in centre]
    return [float((box[0] != 0).sum())]


def logistic(training: NDArray, labels: NDArray, test: NDArray, *, seed: int) -> NDArray:
    """Return (M,) probabilities of new patients by the project's own probe; penalty by inner CV."""
    return probe_models.of_new(
        probe_models.LOGISTIC, training, labels, test, inner_folds=INNER_FOLDS, seed=seed
    )
