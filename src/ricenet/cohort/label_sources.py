"""How a label is known: two optional columns of the subjects table, and what they leave out.

A label by follow-up is another truth than one by resection, and a mixed histology, tumour and
radiation effect in one specimen, is neither class.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

NOT_STATED = "not stated"
SOURCES = ("biopsy", "resection", "follow-up")
MIXED = "mixed"
CHOICES = {"label_source": SOURCES, "histology": ("pure", MIXED)}
WITHOUT_SPECIMEN = "follow-up"


def require_possible(path: Path, table: pd.DataFrame) -> None:
    """Raise ``ValueError`` for a histology where there was no specimen, or a source of no label.

    Parameters
    ----------
    table : DataFrame
        Indexed by subject; label and the columns of :data:`CHOICES`, empty where not stated.
    """
    told = table["histology"] != ""
    without = list(table.index[told & (table["label_source"] == WITHOUT_SPECIMEN)])
    if without:
        raise ValueError(
            f"{path}: {without} have a histology and label_source 'follow-up', which has no "
            f"specimen; write biopsy or resection, or leave histology empty"
        )
    unlabelled = list(table.index[(told | (table["label_source"] != "")) & (table["label"] == "")])
    if unlabelled:
        raise ValueError(
            f"{path}: {unlabelled} have a label_source or histology and no label; fill in the "
            f"label, or leave both empty"
        )


def excluded(table: pd.DataFrame, mixed_histology: str) -> dict[str, str]:
    """Return the subjects that are left out for their mixed histology, with the reason.

    Parameters
    ----------
    mixed_histology : str
        ``exclude``, or ``declare`` (they stay, and the report says how many).
    """
    mixed = table.index[table["histology"] == MIXED] if mixed_histology == "exclude" else ()
    return {str(s): "mixed histology (setting mixed_histology: exclude)" for s in mixed}


def by_subject(table: pd.DataFrame) -> dict[str, list[str]]:
    """Return source and histology of those subjects of whom one is stated."""
    pairs = zip(table.index, table["label_source"], table["histology"], strict=True)
    return {str(s): [source, histology] for s, source, histology in pairs if source or histology}


def counts(manifest: pd.DataFrame, known: Mapping[str, list[str]]) -> pd.DataFrame:
    """Return how many subjects of each set and class have a label of each kind.

    Parameters
    ----------
    manifest : DataFrame
        Indexed by subject; split and label.
    known : mapping
        From :func:`by_subject`.

    Returns
    -------
    DataFrame
        set (train, test), label (0 or 1), source, histology, n; sorted, no row of nobody.
    """
    found = [known.get(str(s), ["", ""]) for s in manifest.index]
    table = pd.DataFrame(
        {
            "set": manifest["split"].to_numpy(),
            "label": manifest["label"].to_numpy(),
            "source": [source or NOT_STATED for source, _ in found],
            "histology": [histology or NOT_STATED for _, histology in found],
        }
    )
    return table.groupby(list(table.columns), as_index=False).size().rename(columns={"size": "n"})
