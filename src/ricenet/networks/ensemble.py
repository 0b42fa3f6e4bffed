"""The models of all folds of one ablation, read together and checked against each other."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import torch
from torch import nn

from ricenet.networks import build
from ricenet.networks.weights import load_model
from ricenet.provenance import digests


class Ensemble(NamedTuple):
    """The models of all folds.

    Attributes
    ----------
    networks : dict of int to nn.Module
        Fold to network, folds in ascending order.
    precision : str
        In which they were validated, and predict: ``fp32`` or ``bf16``.
    network : str
        What they are, a name of the settings.
    """

    networks: dict[int, nn.Module]
    precision: str
    network: str


def ensemble_of(
    manifest: Path,
    table: pd.DataFrame,
    paths: Sequence[Path],
    *,
    ablation: str,
    device: torch.device,
) -> Ensemble:
    """Read the models that were trained on a manifest; ``table`` holds its rows.

    The manifest of a subject who arrived names the cohort whose models it may be asked about (see
    :mod:`ricenet.predict.arrival`); any other stands for its own cohort. See :func:`load_ensemble`.
    """
    record = json.loads(manifest.with_suffix(".json").read_text(encoding="utf-8"))
    trained = record["facts"].get("ensemble") or {
        "manifest": digests.bytes_digest(manifest),
        "folds": set(table.loc[table["split"] == "train", "fold"]),
    }
    return load_ensemble(
        paths,
        ablation=ablation,
        manifest_digest=trained["manifest"],
        folds=trained["folds"],
        device=device,
    )


def load_ensemble(
    paths: Sequence[Path],
    *,
    ablation: str,
    manifest_digest: str,
    folds: Collection[int],
    device: torch.device,
) -> Ensemble:
    """Read the models of all folds of one ablation and cohort.

    Parameters
    ----------
    manifest_digest : str
        sha256 of the manifest that the models must have been trained with; with another one, a
        test subject of today may have been a training subject.
    folds : collection of int
        Folds that must be there, each once.

    Raises
    ------
    ValueError
        A model of another ablation, cohort or precision, a fold missing or there twice.
    """
    loaded: dict[int, nn.Module] = {}
    precisions: set[str] = set()
    names: set[str] = set()
    for path in paths:
        network, metadata = load_model(path, device=device)
        for what, expected in (("ablation", ablation), ("manifest", manifest_digest)):
            if metadata[what] != expected:
                raise ValueError(
                    f"{path.parent.name}/{path.name}: trained with {what} {metadata[what]!r}, "
                    f"asked for {expected!r}; pass the models of this cohort and ablation"
                )
        precisions.add(metadata.get("validation_precision", "fp32"))
        names.add(metadata.get("network", build.BEFORE))
        if metadata["fold"] in loaded:
            raise ValueError(f"two models are of fold {metadata['fold']}; pass each fold once")
        loaded[metadata["fold"]] = network
    if set(loaded) != set(folds):
        raise ValueError(f"models of folds {sorted(loaded)}, the cohort has {sorted(folds)}")
    if len(precisions) > 1:
        raise ValueError(
            f"the models were validated in {sorted(precisions)}; train those of one setting of "
            "train_model.validation_precision"
        )
    if len(names) > 1:
        raise ValueError(f"the models are {sorted(names)}; train those of one network")
    return Ensemble(dict(sorted(loaded.items())), precisions.pop(), names.pop())
