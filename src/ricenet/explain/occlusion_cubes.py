"""What each model answers where a cube is hidden in all channels: the ground of the statistics.

A hidden cube shows another patient's dose at the same place, and the local mean of the MRI; 0 Gy
would make any network answer where the dose is. The networks are the trained ones, or those of a
control: ``untrained-0001`` has random weights, ``permutation-0001`` was trained on permuted labels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import nn

from ricenet import step
from ricenet.channels import KINDS
from ricenet.cohort import dataset, loading
from ricenet.config.explain import OcclusionCubes
from ricenet.explain import cube_values, exchange_fill
from ricenet.explain.occlusion.maps import Occlusion, occlusion_map
from ricenet.explain.occlusion_map import check_inputs, spoken_progress, voxels
from ricenet.explain.random_networks import untrained
from ricenet.networks.device import choose_device
from ricenet.networks.ensemble import ensemble_of
from ricenet.networks.weights import load_model
from ricenet.provenance.seeds import derive_seed

UNTRAINED = "untrained"


def donor_of(subject: str, table: pd.DataFrame, *, seed: int) -> str:
    """Return the training subject whose dose a subject's hidden cubes show.

    It depends on the seed, the subject and the training subjects, not on other test subjects.

    Raises
    ------
    ValueError
        There is no other training subject.
    """
    others = sorted(set(table.index[table["split"] == "train"]) - {subject})
    if not others:
        raise ValueError("no other training subject whose dose a hidden cube could show")
    return others[derive_seed("donor", seed, subject) % len(others)]


def calibrating(table: pd.DataFrame, count: int) -> pd.DataFrame:
    """Return the rows of the training subjects that set an untrained network's batch norms."""
    train = table[table["split"] == "train"]
    places = np.linspace(0, len(train) - 1, min(count, len(train))).round().astype(int)
    return train.iloc[places]


def load_control(
    paths: Sequence[Path], ablation: str, device: torch.device
) -> dict[int, nn.Module]:
    """Read a control's models by fold; each fold has a manifest of its own.

    Raises
    ------
    ValueError
        A model of other inputs, or a fold that comes twice.
    """
    found: dict[int, nn.Module] = {}
    for path in paths:
        network, metadata = load_model(path, device=device)
        if metadata["ablation"] != ablation or metadata["fold"] in found:
            raise ValueError(
                f"{path.name}: of {metadata['ablation']}, fold {metadata['fold']}; pass the models "
                f"of {ablation}, each fold once"
            )
        found[metadata["fold"]] = network
    return dict(sorted(found.items()))


def hide(
    networks: Sequence[nn.Module],
    own: torch.Tensor,
    donor: torch.Tensor,
    brain: NDArray,
    *,
    exchanged: Sequence[bool],
    cube: int,
    stride: int,
    batch_size: int,
    progress: Callable[[int, int], None],
) -> Occlusion:
    """Hide cubes in all channels of a volume (C, X, Y, Z); see :mod:`.exchange_fill`."""
    other = exchange_fill.other_volume(
        own.cpu().numpy(), donor.cpu().numpy(), exchanged=exchanged, cube=cube
    )
    seen = exchange_fill.with_other(own, torch.from_numpy(other).to(own))
    return occlusion_map(
        exchange_fill.switched(networks, own),
        seen,
        brain,
        cube=cube,
        stride=stride,
        channels=[len(seen) - 1],
        batch_size=batch_size,
        fill=[exchange_fill.OPEN] * len(seen),
        precision="fp32",
        progress=progress,
    )


def main(argv: Sequence[str] | None = None) -> None:
    """Read the caches, the mask and the models; write each model's answer to each hidden cube."""
    inputs, values = ("manifest", "models*", "mask"), ("ablation", "subject", "control?")
    with step.Job("occlusion_cubes", argv, inputs=inputs, values=values) as job:
        args, s = job.args, OcclusionCubes.model_validate(job.settings)
        torch.set_num_threads(args.threads)
        device = choose_device(s.device)
        table, facts = dataset.read_manifest(args.manifest)
        places = facts.places(args.ablation)
        mask = job.load(args.mask)
        check_inputs(table, facts, subject=args.subject, mask=mask)

        def volumes(rows: pd.DataFrame) -> torch.Tensor:
            return loading.load_cohort(rows, facts, places=places, device=device).float()

        kind, _, number = args.control.partition("-")
        if args.control and kind != UNTRAINED:
            networks = load_control(args.models, args.ablation, device)
        else:
            networks, _, job.network = ensemble_of(
                args.manifest, table, args.models, ablation=args.ablation, device=device
            )
        if kind == UNTRAINED:
            seen = volumes(calibrating(table, s.calibration_subjects))
            seeds = {k: derive_seed(UNTRAINED, s.seed, int(number), k) for k in networks}
            networks = {k: untrained(n, seen, seed=seeds[k]) for k, n in networks.items()}
        pair = [args.subject, donor_of(args.subject, table, seed=s.seed)]
        own, donor = volumes(table.loc[pair])
        in_gy = [KINDS[facts.kinds[place]].in_gy for place in places]
        cube, stride = (voxels(x, spacing_mm=facts.spacing_mm) for x in (s.cube_mm, s.stride_mm))
        found = hide(
            list(networks.values()), own, donor, mask.data > 0,
            exchanged=[gy and s.dose_fill == "exchange" for gy in in_gy],
            cube=cube, stride=stride, batch_size=s.batch_size,
            progress=spoken_progress(job, args.control or args.ablation),
        )  # fmt: skip
        cube_values.write(
            job.stage(args.out),
            cube_values.CubeValues(found.clean, found.hidden, found.places, cube),
        )
        job.facts |= {"subject": args.subject, "control": args.control, "cubes": found.cubes,
                      "cube_voxels": cube, "stride_voxels": stride, "folds": list(networks),
                      "whole_forward_passes_because": found.whole_because}  # fmt: skip
