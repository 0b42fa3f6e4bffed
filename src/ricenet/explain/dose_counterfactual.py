"""Predictions of the ensemble for the test subjects under other doses.

Nothing else of a subject changes: the probabilities show what the network has learned of the dose,
not what another treatment would have done.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import nn

from ricenet import step
from ricenet.cohort import dataset, loading
from ricenet.config.explain import DoseCounterfactual
from ricenet.explain.dose_changes import Patient, changes, partner_of
from ricenet.networks import inference
from ricenet.networks.device import choose_device
from ricenet.networks.ensemble import ensemble_of
from ricenet.provenance import tsv

COLUMNS = (
    "ablation", "subject", "label", "change", "amount", "probability_rice", "lowest", "highest",
)  # fmt: skip


def rice(networks: Sequence[nn.Module], volume: torch.Tensor, *, precision: str) -> list[float]:
    """Return each network's probability of RICE for a volume (C, X, Y, Z)."""
    return [
        inference.probabilities(network, volume[None], precision=precision)[0, 1].item()
        for network in networks
    ]


def probabilities(
    networks: Sequence[nn.Module],
    volume: torch.Tensor,
    place: int,
    patient: Patient,
    partner: Patient | None,
    *,
    spacing_mm: float,
    scaling: str,
    precision: str,
) -> Iterator[tuple[str, str, list[float]]]:
    """Yield each network's probability of RICE for each changed dose.

    Parameters
    ----------
    volume : (C, X, Y, Z) float32 tensor
        Input of the networks.
    place : int
        Channel of the volume that holds the dose.
    precision : {"fp32", "bf16"}
        In which the networks were validated.
    """
    volume = volume.clone()
    for kind, amount, dose in changes(patient, partner, spacing_mm=spacing_mm, scaling=scaling):
        volume[place] = torch.from_numpy(dose).to(volume)
        yield kind, amount, rice(networks, volume, precision=precision)


def dose_place(facts: Mapping[str, Any], places: Sequence[int]) -> int:
    """Return the place of the first dose among an ablation's channels.

    Raises
    ------
    ValueError
        The ablation has no dose.
    """
    found = [i for i, place in enumerate(places) if facts["kinds"][place] == "dose"]
    if not found:
        raise ValueError("the ablation has no dose; ask for one that has")
    return found[0]


def require_masks(brains: Mapping[str, NDArray], subjects: Sequence[str]) -> None:
    """Raise ``ValueError`` where a test subject has no brain mask."""
    missing = sorted(set(subjects) - set(brains))
    if missing:
        raise ValueError(f"brain masks of {missing} are missing; pass those of all test subjects")


def main(argv: Sequence[str] | None = None) -> None:
    """Read the models and the test subjects' caches and masks; write one table."""
    inputs, values = ("manifest", "models*", "masks*"), ("ablation", "dose-scaling", "subjects")
    with step.Job("dose_counterfactual", argv, inputs=inputs, values=values) as job:
        torch.set_num_threads(job.args.threads)
        s, args = DoseCounterfactual.model_validate(job.settings), job.args
        device = choose_device(s.device)
        table, facts = dataset.read_manifest(args.manifest)
        networks, precision, job.network = ensemble_of(
            args.manifest, table, args.models, ablation=args.ablation, device=device
        )
        places = dataset.ablation_places(facts, args.ablation)
        place, test = dose_place(facts, places), table[table["split"] == "test"]
        subjects = loading.load_subjects(test, facts, places=places, device=device)
        read = (job.load(path).data > 0 for path in args.masks)
        brains = dict(zip(json.loads(args.subjects), read, strict=True))
        require_masks(brains, subjects.names)
        doses = subjects.volumes[:, place].float().cpu().numpy()
        patients = {
            name: Patient(name, dose, brains[name])
            for name, dose in zip(subjects.names, doses, strict=True)
        }
        rows = []
        for i, (name, patient) in enumerate(patients.items()):
            partner = partner_of(name, subjects.names)
            for kind, amount, found in probabilities(
                list(networks.values()), subjects.volumes[i].float(), place, patient,
                patients[partner] if partner else None,
                spacing_mm=facts["spacing_mm"], scaling=args.dose_scaling, precision=precision,
            ):  # fmt: skip
                what = (args.ablation, name, int(subjects.labels[i]), kind, amount)
                rows.append((*what, float(np.mean(found)), min(found), max(found)))
            job.say(f"{args.ablation}: {i + 1}/{len(patients)} subjects")
        result = pd.DataFrame(rows, columns=list(COLUMNS))
        tsv.write(job.stage(args.out), result)
        job.fact("test_subjects", dict(zip(test["subject"], test["digest"], strict=True)))
