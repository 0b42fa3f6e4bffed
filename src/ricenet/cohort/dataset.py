"""The cohort as training sees it: the manifest, and the cache files it names.

A cache file is ``(C, X, Y, Z)`` float16, RAS+ axes, with all channels of the study; an ablation is
a choice of channels.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ricenet.ablations import ablations
from ricenet.provenance import digests, tsv

COLUMNS = ("subject", "split", "fold", "label", "cache", "digest")


@dataclass(frozen=True)
class Facts:
    """What the caches of a cohort have in common.

    Attributes
    ----------
    channels, kinds : tuple of str
        Names in the order of a cache, and the kind of each, a key of
        :data:`ricenet.channels.KINDS`.
    spacing_mm : float
        Of the isotropic voxels.
    shape : tuple of int
        (X, Y, Z) of a volume.
    preprocessing : mapping
        Digests of settings and of code of each step that a cache follows from; empty where they
        are not recorded.
    """

    channels: tuple[str, ...]
    kinds: tuple[str, ...]
    spacing_mm: float
    shape: tuple[int, int, int]
    preprocessing: Mapping[str, Sequence[str]]

    @classmethod
    def of(cls, recorded: Mapping[str, Any]) -> Facts:
        """Read the facts of a record.

        Raises
        ------
        ValueError
            One is missing.
        """
        lost = [name for name in REQUIRED if name not in recorded]
        if lost:
            raise ValueError(f"facts missing: {lost}; make the manifest again")
        x, y, z = recorded["shape"]
        return cls(
            tuple(recorded["channels"]), tuple(recorded["kinds"]), recorded["spacing_mm"],
            (x, y, z), recorded.get("preprocessing") or {},
        )  # fmt: skip

    @property
    def cache_shape(self) -> tuple[int, int, int, int]:
        """Shape (C, X, Y, Z) of a cache."""
        return (len(self.channels), *self.shape)

    def places(self, ablation: str) -> tuple[int, ...]:
        """Return the places of an ablation's channels in the cache.

        Raises
        ------
        ValueError
            The study has no such ablation.
        """
        known = ablations(self.channels)
        if ablation not in known:
            raise ValueError(f"ablation {ablation!r} does not exist; there are {list(known)}")
        return known[ablation]


REQUIRED = tuple(field.name for field in fields(Facts) if field.name != "preprocessing")


def read_manifest(path: str | Path) -> tuple[pd.DataFrame, Facts]:
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
    Facts
        What the caches have in common.

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
    recorded = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))["facts"]
    try:
        facts = Facts.of(recorded)
    except ValueError as error:
        raise ValueError(f"{path.stem}.json: {error}") from None
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
