"""Which subjects a fold trains on, an epoch shows, and the seed of each sample's augmentation.

The last two follow from the seed, the fold, the epoch and the subjects, never from workers, clock
or host.
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import torch

from ricenet.provenance.seeds import derive_seed


def split_fold(table: pd.DataFrame, fold: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the training and validation rows of a fold; test subjects are in neither.

    Raises
    ------
    ValueError
        No such fold, or a class without a training subject.
    """
    train = table[table["split"] == "train"]
    training, validation = train[train["fold"] != fold], train[train["fold"] == fold]
    if validation.empty:
        raise ValueError(f"fold {fold} has no subject; folds are {sorted(set(train['fold']))}")
    if set(training["label"]) != {0, 1}:
        raise ValueError(f"without fold {fold}, the training subjects are all of one class")
    return training, validation


def draw_subjects(labels: torch.Tensor, count: int, *, seed: int) -> list[int]:
    """Draw training subjects with replacement, both classes equally often on average.

    Parameters
    ----------
    labels : (N,) int64 tensor
        Of the training subjects; the weight of a subject is 1 / size of its class.
    count : int
        Number of draws.

    Returns
    -------
    list of int
        Places in ``labels``.
    """
    sizes = torch.bincount(labels.cpu(), minlength=2)
    weights = (1.0 / sizes.double())[labels.cpu()]
    generator = torch.Generator().manual_seed(seed)
    return torch.multinomial(weights, count, replacement=True, generator=generator).tolist()


def sample_seeds(seed: int, names: Sequence[str], epoch: int) -> list[int]:
    """Return the seeds of the samples' augmentations.

    A subject that is drawn again in an epoch is changed in another way. The ablation has no part:
    all ablations see a subject changed alike.

    Parameters
    ----------
    seed : int
        Of the study.
    names : sequence of str
        Subjects in the order in which the epoch shows them.
    """
    repeats: dict[str, int] = {}
    found = []
    for name in names:
        repeats[name] = repeats.get(name, -1) + 1
        found.append(derive_seed(seed, "augment", name, epoch, repeats[name]))
    return found
