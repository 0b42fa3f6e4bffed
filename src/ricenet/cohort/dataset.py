"""The cohort as training sees it: the manifest, and the cache files it names.

A cache file is ``(C, X, Y, Z)`` float16, RAS+ axes, with all channels of the study; an ablation is
a choice of channels.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ricenet.ablations import ablations
from ricenet.provenance import digests, tsv

COLUMNS = ("subject", "split", "fold", "label", "cache", "digest")
FACTS = ("channels", "kinds", "spacing_mm", "shape")


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
    table = tsv.read(path)
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
    found = digests.bytes_digest(path)
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


def ablation_places(facts: dict[str, Any], ablation: str) -> tuple[int, ...]:
    """Return the places of an ablation's channels in the cache.

    Raises
    ------
    ValueError
        The study has no such ablation.
    """
    known = ablations(facts["channels"])
    if ablation not in known:
        raise ValueError(f"ablation {ablation!r} does not exist; there are {list(known)}")
    return known[ablation]
