"""Predict a study's hours from what was measured, and show the whole as text."""

from __future__ import annotations

from math import ceil
from typing import Any


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


def as_text(result: dict[str, Any]) -> str:
    """Show the result to a person."""
    device, gate, paths = result["device"], result["gradient_gate"], result["paths"]["taken"]
    memory, step, times = result["memory"], result["training"], result["predicted_hours"]
    mask, study = result["brain_mask"], result["study"]
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
        f"a map      {result['occlusion_map']['cube_s']:.4f} s a cube and model, "
        f"{result['occlusion_map']['cubes_of_a_brain']} cubes",
        f"a mask     {mask.get('not_made') or '{mask_s} s, {method}'.format(**mask)}",
        f"the study  {study['trainings']} trainings of {as_time(times['one_training'])}: "
        f"{as_time(times['all_trainings'])}; maps {as_time(times['all_maps'])}; masks "
        f"{as_time(times['all_masks'])}; one job after the other",
    ]
    return "\n".join(lines)


def as_time(hours: float) -> str:
    """Show a duration in minutes where it is short."""
    return f"{60 * hours:.1f} min" if hours < 1 else f"{hours:.1f} h"
