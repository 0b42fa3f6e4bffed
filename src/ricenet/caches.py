"""The cohort as training sees it: the manifest, and the cache files it names.

Tensors are ``(N, C, X, Y, Z)``, RAS+ axes, one row a subject in the manifest's order. A cache file
is ``(C, X, Y, Z)`` float16 with all channels of the study; an ablation is a choice of channels.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch

from ricenet import provenance
from ricenet.ablations import ablations

COLUMNS = ("subject", "split", "fold", "label", "cache", "digest")
FACTS = ("channels", "kinds", "spacing_mm", "shape")


class Subjects(NamedTuple):
    """Some subjects on a device.

    Attributes
    ----------
    names : list of str
    labels : (N,) int64 tensor
        0 recurrence, 1 RICE.
    volumes : (N, C, X, Y, Z) float16 tensor
    """

    names: list[str]
    labels: torch.Tensor
    volumes: torch.Tensor


def read_manifest(path: str | Path) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Read a manifest and the facts of its record.

    Parameters
    ----------
    path : path
        ``manifest.tsv``; its record ``manifest.json`` lies beside it.

    Returns
    -------
    DataFrame
        Indexed by subject; columns subject, split, fold (int), label (int), cache (path, made
        relative to the working folder), digest.
    dict
        channels (names), kinds (``mri`` or ``dose``), spacing_mm (float), shape ([X, Y, Z]).

    Raises
    ------
    ValueError
        A column or a fact is missing, or a subject has two rows.
    """
    path = Path(path)
    table = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)
    missing = [c for c in COLUMNS if c not in table]
    if missing:
        raise ValueError(f"{path.name}: columns missing: {missing}; make the manifest again")
    twice = sorted(set(table["subject"][table["subject"].duplicated()]))
    if twice:
        raise ValueError(f"{path.name}: subjects {twice} have more than one row")
    table = table.astype({"fold": int, "label": int})
    table["cache"] = [str(path.parent / cache) for cache in table["cache"]]
    facts = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))["facts"]
    lost = [name for name in FACTS if name not in facts]
    if lost:
        raise ValueError(f"{path.stem}.json: facts missing: {lost}; make the manifest again")
    return table.set_index("subject", drop=False), facts


def read_cache(path: str | Path, *, subject: str, digest: str, shape: Sequence[int]) -> np.ndarray:
    """Map a cache file into memory after its digest was verified.

    Returns
    -------
    (C, X, Y, Z) float16 array
        Read-only memory map.

    Raises
    ------
    ValueError
        The bytes are not those of the manifest, or type or shape are not those of the study.
    """
    found = provenance.bytes_digest(path)
    if found != digest:
        raise ValueError(
            f"subject {subject}: the cache has changed since the manifest was made (sha256 "
            f"{found[:12]}, expected {digest[:12]}); delete the file and run the workflow again"
        )
    cache = np.load(path, mmap_mode="r", allow_pickle=False)
    if cache.dtype != np.float16 or cache.shape != tuple(shape):
        raise ValueError(
            f"subject {subject}: the cache is {cache.dtype} {cache.shape}, expected float16 "
            f"{tuple(shape)}; delete the file and run the workflow again"
        )
    return cache


def load_cohort(
    rows: pd.DataFrame,
    facts: dict[str, Any],
    *,
    places: Sequence[int],
    device: torch.device,
    pinned: bool = False,
) -> torch.Tensor:
    """Bring the chosen channels of some subjects to a device, every file verified and read once.

    Parameters
    ----------
    rows : DataFrame
        Rows of the manifest.
    facts : dict
        Facts of the manifest.
    places : sequence of int
        Places of the channels in the cache.
    device : torch.device
        Where the tensor is kept.
    pinned : bool
        Whether a tensor on the host can be copied to a GPU without a wait.

    Returns
    -------
    (N, C, X, Y, Z) float16 tensor
        Subjects in the order of the rows, channels in the order of ``places``.
    """
    shape = (len(facts["channels"]), *facts["shape"])
    volumes = torch.empty(
        (len(rows), len(places), *facts["shape"]),
        dtype=torch.float16,
        device=device,
        pin_memory=pinned,
    )
    files = zip(rows["subject"], rows["cache"], rows["digest"], strict=True)
    for i, (subject, path, digest) in enumerate(files):
        cache = read_cache(path, subject=subject, digest=digest, shape=shape)
        for c, place in enumerate(places):  # a channel is contiguous in the file
            volumes[i, c].copy_(torch.from_numpy(np.array(cache[place])))
    return volumes


def load_subjects(
    rows: pd.DataFrame,
    facts: dict[str, Any],
    *,
    places: Sequence[int],
    device: torch.device,
    resident: bool = True,
) -> Subjects:
    """Bring names, labels and volumes of some subjects to a device.

    Where they are not to be ``resident`` there, the volumes stay in pinned memory of the host.
    """
    labels = torch.tensor(rows["label"].to_list(), dtype=torch.int64, device=device)
    home = device if resident else torch.device("cpu")
    pinned = home != device
    volumes = load_cohort(rows, facts, places=places, device=home, pinned=pinned)
    return Subjects(rows["subject"].to_list(), labels, volumes)


def ablation_places(facts: dict[str, Any], ablation: str) -> tuple[int, ...]:
    """Places of an ablation's channels in the cache.

    Raises
    ------
    ValueError
        The study has no such ablation.
    """
    known = ablations(facts["channels"])
    if ablation not in known:
        raise ValueError(f"ablation {ablation!r} does not exist; there are {list(known)}")
    return known[ablation]
