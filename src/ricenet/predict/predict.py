"""Probabilities of the test subjects from the models of all folds.

Tensors are ``(B, C, X, Y, Z)``. A model's file states what it was trained on; one of another
ablation or cohort is refused.
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import torch
from torch import nn

from ricenet import step
from ricenet.cohort import dataset, loading
from ricenet.cohort.prediction_table import TEST_COLUMNS
from ricenet.config.predict import Predict
from ricenet.networks import inference
from ricenet.networks.device import choose_device
from ricenet.networks.ensemble import ensemble_of
from ricenet.provenance import tsv


def predict(
    network: nn.Module, volumes: torch.Tensor, *, batch_size: int, precision: str
) -> list[float]:
    """Return the probability of RICE of each volume.

    Parameters
    ----------
    network : nn.Module
        In evaluation mode.
    volumes : (N, C, X, Y, Z) float16 tensor
    precision : {"fp32", "bf16"}
        In which the network was validated.
    """
    found: list[float] = []
    for batch in volumes.split(batch_size):
        rice = inference.probabilities(network, batch.float(), precision=precision)[:, 1]
        found += rice.tolist()
    return found


def main(argv: Sequence[str] | None = None) -> None:
    """Read the manifest, the models and the test subjects' caches; write one table."""
    with step.Job("predict", argv, inputs=("manifest", "models*"), values=("ablation",)) as job:
        torch.set_num_threads(job.args.threads)
        s, ablation = Predict.model_validate(job.settings), job.args.ablation
        device = choose_device(s.device)
        table, facts = dataset.read_manifest(job.args.manifest)
        test = table[table["split"] == "test"]
        networks, precision, job.network = ensemble_of(
            job.args.manifest, table, job.args.models, ablation=ablation, device=device
        )
        places = dataset.ablation_places(facts, ablation)
        subjects = loading.load_subjects(test, facts, places=places, device=device)
        rows = []
        for fold, network in networks.items():
            found = (
                predict(network, subjects.volumes, batch_size=s.batch_size, precision=precision)
                if subjects.names
                else []
            )
            columns = zip(subjects.names, subjects.labels.tolist(), found, strict=True)
            rows += [(ablation, fold, *row) for row in columns]
            job.say(f"{ablation} fold {fold}: {len(found)} subjects")
        result = pd.DataFrame(rows, columns=TEST_COLUMNS)
        tsv.write(job.stage(job.args.out), result)
        job.fact("precision", precision)
        job.fact("test_subjects", dict(zip(test["subject"], test["digest"], strict=True)))
