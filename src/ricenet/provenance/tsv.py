"""Tables of a study: tab-separated, as text, the same bytes on every system."""

from __future__ import annotations

from pathlib import Path

import pandas as pd


def read(path: Path) -> pd.DataFrame:
    """Read a table; every cell is text, and an empty one is ``""``: a subject may be called NA."""
    return pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)


def write(path: Path, table: pd.DataFrame, *, missing: str = "") -> None:
    """Write a table without its index; ``missing`` stands for NaN."""
    table.to_csv(path, sep="\t", index=False, lineterminator="\n", na_rep=missing)
