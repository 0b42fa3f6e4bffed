"""Check a device before a study: is it correct, does the study fit, how long will it take.

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
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
import yaml

from ricenet.config import introduced
from ricenet.config.train import TrainModel
from ricenet.device_check.summary import as_text, hours
from ricenet.device_check.timings import Peak, brain_masks, occlusion, training
from ricenet.networks import build, memory_plan
from ricenet.networks.device import (
    choices_of_kernels,
    choose_device,
    describe,
    first_line,
    memory_bytes,
    share_memory,
    without_paths,
)
from ricenet.provenance import atomic, software
from ricenet.train import epoch, fit_to_device, gradient_gate
from ricenet.train.fit_to_device import Fit


def versions() -> dict[str, Any]:
    """Return the versions of the computing libraries."""
    cuda = {"cuda": torch.version.cuda, "cudnn": torch.backends.cudnn.version()}
    return software.versions() | cuda


def memory_of(device: torch.device) -> dict[str, float]:
    """Return the memory of a GPU, whole and free, GB."""
    if device.type != "cuda":
        return {}
    total = torch.cuda.get_device_properties(device).total_memory
    return {
        "memory_gb": round(total / memory_plan.GB, 1),
        "free_gb": round(memory_bytes(device) / memory_plan.GB, 1),
    }


def study_of(configfiles: Sequence[Path]) -> dict[str, Any]:
    """Read what a check needs of a study, without paths or names of subjects."""
    from ricenet.study.study import from_files

    return from_files(configfiles).size()


def training_section(study: dict[str, Any]) -> TrainModel:
    """Return a study's section ``train_model``, as its trainings read it."""
    return TrainModel.model_validate(introduced.fill_in("train_model", study["train_model"]))


def check(
    study: dict[str, Any], result: dict[str, Any], say: Callable[[str], None]
) -> Iterator[None]:
    """Check the device at a study's full size; wait after each part, so that it can be written.

    Parameters
    ----------
    study : dict
        See :meth:`ricenet.study.study.Study.size`.
    result : dict
        Filled part by part.
    """
    s = training_section(study)
    device = choose_device(s.device)
    share_memory(device, s.memory_gb)
    result |= {"device": describe(device) | memory_of(device), "versions": versions()}
    yield
    with choices_of_kernels():
        if s.deterministic:
            epoch.be_deterministic()
        fit = check_gate(study, result, say)
        yield
        say("steps of training")
        step = check_training(study, fit, result, say)
    yield
    say("a part of an occlusion map")
    cube = occlusion(
        study["occlusion_map"],
        s.model,
        channels=len(study["kinds"]),
        shape=study["shape"],
        spacing_mm=study["spacing_mm"],
    )
    result["occlusion_map"] = cube | {"cube_s": round(cube["cube_s"], 5)}
    yield
    say("HD-BET")
    mask = result["brain_mask"] = brain_masks(study["brain_mask"], say)
    result["predicted_hours"] = hours(study, step, cube, mask.get("mask_s", 0.0))
    yield


def check_gate(study: dict[str, Any], result: dict[str, Any], say: Callable[[str], None]) -> Fit:
    """Pass the gradient gate as a training of the study would; return the path that it takes."""
    s = training_section(study)
    shape, channels = study["shape"], len(study["kinds"])
    subjects = study["training_subjects"] + study["validation_subjects"]
    planned = fit_to_device.planned(s, subjects, shape, channels)
    say(f"gradient gate at {channels} x {' x '.join(map(str, shape))}")
    started = time.monotonic()
    settled = gradient_gate.pass_gate(
        planned, settings=s, subjects=subjects, channels=channels, shape=shape, say=say, anew=True
    )
    duration = {"seconds": round(time.monotonic() - started, 1)}
    result["gradient_gate"] = gradient_gate.facts(settled) | duration
    result["paths"] = {"planned": planned._asdict(), "taken": settled.fit._asdict()}
    return settled.fit


def check_training(
    study: dict[str, Any], fit: Fit, result: dict[str, Any], say: Callable[[str], None]
) -> dict[str, float]:
    """Time steps of training, and compare their memory with the estimate; return the times, s."""
    s = training_section(study)
    shape, kinds, device = study["shape"], study["kinds"], choose_device(s.device)
    peak = Peak(device)
    step = training(s, fit, channels=kinds, shape=shape, spacing_mm=study["spacing_mm"], say=say)
    need = build.need_of_training(s, shape, len(kinds), bf16=fit.bf16, saving=fit.saving)
    result["training"] = {name: round(value, 4) for name, value in step.items()}
    result["memory"] = {
        "planned_gb": round(need.bytes(fit.samples) / memory_plan.GB, 2),
        "measured_gb": peak.gb(),
        "measured": "reserved on the GPU" if device.type == "cuda" else "by this process in all",
    }
    return step


def command_line() -> argparse.ArgumentParser:
    """Make the parser."""
    parser = argparse.ArgumentParser(
        prog="ricenet check-device",
        description="Check a device before a study: is it correct, does the study "
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
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Check the device, show the result, write the file; it is written after an error, too."""
    args = command_line().parse_args(argv)
    torch.set_num_threads(args.threads)
    if args.log:
        args.log.parent.mkdir(parents=True, exist_ok=True)
        args.log.write_text("")

    def say(message: str) -> None:
        print(message, file=sys.stderr, flush=True)
        if args.log:
            with args.log.open("a", encoding="utf-8") as log:
                log.write(f"{message}\n")

    result: dict[str, Any] = {"what": "RICE-NET device check; for research use only"}
    try:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        atomic.write_json(args.out, result)  # known before minutes are spent
        result["study"] = args.study or study_of(args.configfile)
        for _ in check(result["study"], result, say):
            atomic.write_json(args.out, result)  # a job may be ended at any time
    except Exception as error:
        own = type(error) is ValueError
        result["error"] = f"{type(error).__name__}: {first_line(error)}"
        if own:
            result["error"] = without_paths(str(error))
        say(f"error: {error if own else result['error']}")
        with contextlib.suppress(OSError):
            atomic.write_json(args.out, result)
            say(f"results until then: {args.out}")
        if not isinstance(error, (ValueError, RuntimeError, MemoryError, OSError, yaml.YAMLError)):
            raise
        sys.exit(1)
    print(f"{as_text(result)}\n\nThe file to send: {args.out}")
