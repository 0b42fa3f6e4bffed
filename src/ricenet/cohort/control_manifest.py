"""The manifest of a control: permuted labels, or a part of the training subjects.

Whatever the pipeline does after the manifest is done to it unchanged, by the same step. Test
subjects are left out, so that no control can look at them.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from ricenet import step
from ricenet.cohort import dataset
from ricenet.provenance import tsv
from ricenet.provenance.seeds import derive_seed

PERMUTATION, SEED, LEARNING = "permutation", "seed", "learning"
KINDS = (PERMUTATION, SEED, LEARNING)


def parts_of(control: str) -> tuple[str, int]:
    """Return kind and number of a control, such as ``permutation-0001`` or ``learning-040``.

    Raises
    ------
    ValueError
        Not the name of a control.
    """
    kind, _, number = control.partition("-")
    if kind not in KINDS or not number.isdecimal():
        raise ValueError(f"{control!r} is no control; they are called {KINDS} and a number")
    return kind, int(number)


def permuted(train: pd.DataFrame, number: int, *, seed: int) -> pd.DataFrame:
    """Return training subjects with labels exchanged within each fold: its counts stay."""
    labels = train["label"].to_numpy(copy=True)
    for fold in sorted(set(train["fold"])):
        places = np.flatnonzero(train["fold"] == fold)
        rng = np.random.default_rng(derive_seed("control", seed, PERMUTATION, number, fold))
        labels[places] = labels[rng.permutation(places)]
    return train.assign(label=labels)


def part_of(train: pd.DataFrame, percent: int, fold: int, *, seed: int) -> pd.DataFrame:
    """Return a fold's validation subjects and a share of each class of its training subjects.

    Larger shares hold the smaller ones.
    """
    validation, kept = train[train["fold"] == fold], []
    for label, group in train[train["fold"] != fold].groupby("label"):
        rng = np.random.default_rng(derive_seed("control", seed, LEARNING, fold, int(str(label))))
        order = rng.permutation(len(group))
        kept.append(group.iloc[order[: max(1, round(percent * len(group) / 100))]])
    return train.loc[sorted([*validation.index, *(s for group in kept for s in group.index)])]


def of_control(manifest: pd.DataFrame, control: str, fold: int, *, seed: int) -> pd.DataFrame:
    """Return the rows that a control trains and validates a fold with.

    Parameters
    ----------
    manifest : DataFrame
        Of the cohort.
    """
    kind, number = parts_of(control)
    train = manifest[manifest["split"] == "train"]
    if kind == PERMUTATION:
        return permuted(train, number, seed=seed)
    return part_of(train, number, fold, seed=seed) if kind == LEARNING else train


def main(argv: Sequence[str] | None = None) -> None:
    """Read the cohort's manifest, write that of a control."""
    values = ("control", "fold")
    with step.Job("control_manifest", argv, inputs=("manifest",), values=values) as job:
        args = job.args
        manifest, facts = dataset.read_manifest(args.manifest)
        table = of_control(manifest, args.control, int(args.fold), seed=job.settings["seed"])
        own = [Path(os.path.relpath(cache, args.out.parent)).as_posix() for cache in table["cache"]]
        job.facts |= {name: getattr(facts, name) for name in dataset.REQUIRED}
        job.fact("control", args.control)
        tsv.write(job.stage(args.out), table.assign(cache=own)[list(dataset.COLUMNS)])
