"""Occlusion maps of one subject and ablation, as NIfTI on the grid of the cropped brain mask.

One with the cubes hidden in all channels together, as published, and one for each channel alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import nn

from ricenet import step
from ricenet.channels import KINDS
from ricenet.cohort import dataset, loading
from ricenet.cohort.dataset import Facts
from ricenet.cohort.labels import NAMES
from ricenet.config.explain import OcclusionMap
from ricenet.explain.occlusion.maps import Occlusion, occlusion_map
from ricenet.image.volume import Volume
from ricenet.networks.device import choose_device
from ricenet.networks.ensemble import ensemble_of

SAY_EVERY_S = 10.0
TYPES = {"fp32": torch.float32, "tf32": torch.float32, "bf16": torch.bfloat16}
# how such a network is asked, see ricenet.networks.inference: its own bf16, without autocast
ASKED_IN = {"fp32": "fp32", "tf32": "tf32", "bf16": "stored"}


def voxels(length_mm: float, *, spacing_mm: float) -> int:
    """Return the length in whole voxels, at least 1."""
    return max(1, round(length_mm / spacing_mm))


def in_precision(network: nn.Module, precision: str) -> nn.Module:
    """Return the network whose convolutions compute in ``fp32``, ``tf32`` or ``bf16``.

    Norms and the last layers stay in single precision: rounded statistics would shift every
    voxel, and rounded outputs would hide what one cube changes.
    """
    network.to(TYPES[precision])
    for module in network.modules():
        if isinstance(module, nn.BatchNorm3d | nn.InstanceNorm3d | nn.Linear):
            module.float()
        if isinstance(module, nn.Linear):
            module.register_forward_pre_hook(lambda _, inputs: (inputs[0].float(),))
    return network


def spoken_progress(job: step.Job, what: str) -> Callable[[int, int], None]:
    """Return the progress function, which logs every few seconds and at the end.

    ``what`` is hidden.
    """
    started = spoken = time.monotonic()

    def progress(done: int, cubes: int) -> None:
        nonlocal spoken
        now = time.monotonic()
        if now - spoken >= SAY_EVERY_S or done == cubes:
            spoken = now
            left = (now - started) / done * (cubes - done)
            job.say(f"{what}: {done}/{cubes} cubes, {left:.0f} s left")

    return progress


def check_inputs(table: pd.DataFrame, facts: Facts, *, subject: str, mask: Volume) -> None:
    """Raise ``ValueError`` unless subject and mask belong to the cohort, and there is a brain."""
    if subject not in table.index:
        raise ValueError(f"subject {subject!r} is not in the manifest")
    if mask.data.shape != facts.shape:
        raise ValueError(
            f"the mask is {mask.data.shape}, the cohort's volumes are {facts.shape}; "
            f"pass the cropped brain mask of the subject"
        )
    if not (mask.data > 0).any():
        raise ValueError("the brain mask is empty")


def channel_maps(
    job: step.Job, hide: Callable[..., Occlusion], whole: Occlusion, names: Sequence[str]
) -> NDArray:
    """Hide cubes in one channel alone, (X, Y, Z, C); of a single channel that is ``whole``."""
    if len(names) == 1:
        return whole.change
    found = [
        hide(channels=[place], progress=spoken_progress(job, f"{name} alone")).change
        for place, name in enumerate(names)
    ]
    return np.stack(found, axis=-1)


def describe(
    found: Occlusion, folds: Sequence[int], *, cube: int, stride: int, spacing_mm: float
) -> dict[str, Any]:
    """Return the facts that a reader of the map needs."""
    return {
        "predicted": NAMES[found.predicted],
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
    """Read the subject's cache, the mask and the models; write the maps."""
    inputs, values = ("manifest", "models*", "mask"), ("ablation", "subject")
    outputs = ("out", "channel-maps")
    with step.Job("occlusion_map", argv, inputs=inputs, outputs=outputs, values=values) as job:
        torch.set_num_threads(job.args.threads)
        s = OcclusionMap.model_validate(job.settings)
        ablation, subject = job.args.ablation, job.args.subject
        device = choose_device(s.device)
        table, facts = dataset.read_manifest(job.args.manifest)
        mask = job.load(job.args.mask)
        check_inputs(table, facts, subject=subject, mask=mask)
        networks, _, job.network = ensemble_of(
            job.args.manifest, table, job.args.models, ablation=ablation, device=device
        )
        row, places = table.loc[[subject]], facts.places(ablation)
        volume = loading.load_cohort(row, facts, places=places, device=device)[0]
        spacing_mm = facts.spacing_mm
        fills = [getattr(s, KINDS[facts.kinds[place]].fill) for place in places]
        cube, stride = (voxels(mm, spacing_mm=spacing_mm) for mm in (s.cube_mm, s.stride_mm))
        hide = partial(
            occlusion_map,
            [in_precision(network, s.precision) for network in networks.values()],
            volume.to(TYPES[s.precision]),
            mask.data > 0,
            cube=cube,
            stride=stride,
            batch_size=s.batch_size,
            fill=[None if fill == "mean" else fill for fill in fills],
            precision=ASKED_IN[s.precision],
        )
        names = [facts.channels[place] for place in places]
        found = hide(channels=range(len(places)), progress=spoken_progress(job, ablation))
        if found.whole_because:
            job.say(f"every cube took a whole forward pass: {found.whole_because}")
        alone = channel_maps(job, hide, found, names)
        job.save(job.args.out, Volume(found.change, mask.affine))
        job.save(job.args.channel_maps, Volume(alone, mask.affine))
        job.facts |= describe(
            found, list(networks), cube=cube, stride=stride, spacing_mm=spacing_mm
        )
        job.facts |= {name: row[name].iloc[0] for name in ("subject", "split", "digest")}
        job.facts |= {"channels": names, "precision": s.precision}
