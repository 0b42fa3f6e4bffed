"""Occlusion map of one subject and ablation, as NIfTI on the grid of the cropped brain mask."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd
import torch

from ricenet import caches, program, step
from ricenet.device import choose_device
from ricenet.ensemble import ensemble_of
from ricenet.occlusion.maps import Occlusion, occlusion_map
from ricenet.tables import LABELS
from ricenet.volume import Volume

SAY_EVERY_S = 10.0


def voxels(length_mm: float, *, spacing_mm: float) -> int:
    """Length in whole voxels, at least 1."""
    return max(1, round(length_mm / spacing_mm))


def spoken_progress(job: step.Job) -> Callable[[int, int], None]:
    """Progress function that speaks every few seconds, and at the end."""
    started = spoken = time.monotonic()

    def progress(done: int, cubes: int) -> None:
        nonlocal spoken
        now = time.monotonic()
        if now - spoken >= SAY_EVERY_S or done == cubes:
            spoken = now
            left = (now - started) / done * (cubes - done)
            job.say(f"{done}/{cubes} cubes, {left:.0f} s left")

    return progress


def check_inputs(table: pd.DataFrame, facts: dict[str, Any], *, subject: str, mask: Volume) -> None:
    """Raise ``ValueError`` unless subject and mask belong to the cohort, and there is a brain."""
    if subject not in table.index:
        raise ValueError(f"subject {subject!r} is not in the manifest")
    if list(mask.data.shape) != list(facts["shape"]):
        raise ValueError(
            f"the mask is {mask.data.shape}, the cohort's volumes are {tuple(facts['shape'])}; "
            f"pass the cropped brain mask of the subject"
        )
    if not (mask.data > 0).any():
        raise ValueError("the brain mask is empty")


def describe(
    found: Occlusion, folds: Sequence[int], *, cube: int, stride: int, spacing_mm: float
) -> dict[str, Any]:
    """Facts that a reader of the map needs."""
    names = {place: name for name, place in LABELS.items()}
    return {
        "predicted": names[found.predicted],
        "clean_probability": float(found.clean.mean(0)[found.predicted]),
        "clean_probability_rice": float(found.clean.mean(0)[1]),
        "clean_probability_rice_by_fold": {
            str(fold): float(p) for fold, p in zip(folds, found.clean[:, 1], strict=True)
        },
        "cube_voxels": cube,
        "stride_voxels": stride,
        "cube_mm": cube * spacing_mm,
        "stride_mm": stride * spacing_mm,
        "cubes": found.cubes,
        "cubes_of_fill_value_alone": found.skipped,
        "whole_forward_passes_because": found.whole_because,
        "units": "clean minus occluded probability of the predicted class; positive = evidence",
    }


def main(argv: Sequence[str] | None = None) -> None:
    """Read the subject's cache, the mask and the models; write the map."""
    inputs, values = ("manifest", "models*", "mask"), ("ablation", "subject")
    with step.Job("occlusion_map", argv, inputs=inputs, values=values) as job:
        torch.set_num_threads(job.args.threads)
        s, ablation, subject = job.settings, job.args.ablation, job.args.subject
        device = choose_device(s["device"])
        table, facts = caches.read_manifest(job.args.manifest)
        mask = job.load(job.args.mask)
        check_inputs(table, facts, subject=subject, mask=mask)
        networks = ensemble_of(
            job.args.manifest, table, job.args.models, ablation=ablation, device=device
        )
        row, places = table.loc[[subject]], caches.ablation_places(facts, ablation)
        volume = caches.load_cohort(row, facts, places=places, device=device)[0].float()
        spacing_mm = facts["spacing_mm"]
        cube, stride = (voxels(s[n], spacing_mm=spacing_mm) for n in ("cube_mm", "stride_mm"))
        kinds = [facts["kinds"][place] for place in places]
        found = occlusion_map(
            list(networks.values()), volume, mask.data > 0,
            cube=cube, stride=stride, channels=range(len(places)),
            batch_size=s["batch_size"], fill=[s[f"{kind}_fill"] for kind in kinds],
            progress=spoken_progress(job),
        )  # fmt: skip
        if found.whole_because:
            job.say(f"every cube took a whole forward pass: {found.whole_because}")
        job.save(job.args.out, Volume(found.change, mask.affine))
        job.facts |= describe(
            found, list(networks), cube=cube, stride=stride, spacing_mm=spacing_mm
        )
        job.facts |= {name: row[name].iloc[0] for name in ("subject", "split", "digest")}


if __name__ == "__main__":
    program.run(main)
