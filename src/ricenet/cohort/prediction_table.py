"""Tables of predictions: their columns, and the one reader of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

TEST_COLUMNS = ["ablation", "fold", "subject", "label", "probability_rice"]
VALIDATION_COLUMNS = ["ablation", "fold", "epoch", "which", *TEST_COLUMNS[2:]]


def _read(path: Path) -> pd.DataFrame:
    # a subject may be called NA; only an empty probability is missing
    types = {"subject": str, "ablation": str, "which": str}
    empty = {"probability_rice": [""]}
    return pd.read_csv(path, sep="\t", dtype=types, keep_default_na=False, na_values=empty)


def read_predictions(paths: Sequence[Path], columns: Sequence[str]) -> pd.DataFrame:
    """Read and join tables of predictions.

    Raises
    ------
    ValueError
        No table, columns that differ from the expected, or a probability outside 0 to 1.
    """
    tables = [_read(path) for path in paths]
    for path, table in zip(paths, tables, strict=True):
        if list(table.columns) != list(columns):
            raise ValueError(f"{path}: columns {list(table.columns)}, expected {list(columns)}")
        if not table["probability_rice"].between(0, 1).all():
            raise ValueError(f"{path}: probabilities outside 0 to 1; the training has diverged")
    filled = [table for table in tables if len(table)]
    return pd.concat(filled, ignore_index=True) if filled else pd.DataFrame(columns=list(columns))
