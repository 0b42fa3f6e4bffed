"""Groups of features that a probe uses together, and what it means if they suffice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from ricenet.provenance import tsv

CONFOUNDER, SIMPLER, CONTROL, TOGETHER = "confounder", "simpler explanation", "control", "all"
MISSING, EVERYTHING = "missing", "all"


class Group(NamedTuple):
    """A group of features.

    Attributes
    ----------
    words : str
        As in "a model of <words> alone does as well".
    kind : str
        A *confounder* is known without looking at the lesion, and what it says may not hold
        elsewhere; a *simpler explanation* is of the patient or the treatment, and needs no
        network; a *control* must show nothing.
    """

    words: str
    kind: str


GROUPS = {
    "dose_max": Group("dose maximum and scheme", SIMPLER),
    "dose_volume": Group("dose-volume figures", SIMPLER),
    "dose_in_lesion": Group("the dose in the outline", SIMPLER),
    "lesion": Group("size and place of the outline", SIMPLER),
    "shape": Group("the shape of the outline", SIMPLER),
    "first_order": Group("dose and MRI in the outline as first-order features", SIMPLER),
    "brain": Group("brain volume and asymmetry", SIMPLER),
    "mask_only": Group("the box around the brain", SIMPLER),
    "time": Group("times between images and radiotherapy", CONFOUNDER),
    "scanner": Group("scanner and sequence", CONFOUNDER),
    "quality": Group("quality of registration", CONFOUNDER),
    MISSING: Group("what is missing", CONFOUNDER),
    EVERYTHING: Group("all simple features", TOGETHER),
    "id": Group("numbers drawn from the id", CONTROL),
}


def read(paths: Mapping[str, Path]) -> dict[str, pd.DataFrame]:
    """Read the tables of features of subjects; what is missing is NaN."""
    return {
        subject: tsv.read(path).replace({"value": {"": "nan"}}) for subject, path in paths.items()
    }


def wide(tables: Mapping[str, pd.DataFrame]) -> tuple[pd.DataFrame, dict[str, str]]:
    """Return the features of all subjects as one table, and the group of each.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        Of each subject: group, feature, value.

    Returns
    -------
    DataFrame
        One row a subject, one column a feature; NaN where a subject does not have it.
    dict of str to str
    """
    rows: dict[str, dict[str, float]] = {}
    groups: dict[str, str] = {}
    for subject, table in tables.items():
        rows[subject] = dict(zip(table["feature"], table["value"], strict=True))
        groups |= dict(zip(table["feature"], table["group"], strict=True))
    return pd.DataFrame.from_dict(rows, orient="index").astype(float), groups


def columns_of(
    features: pd.DataFrame, groups: Mapping[str, str], training: Sequence[str]
) -> dict[str, pd.DataFrame]:
    """Return the columns of each group that vary between subjects.

    What is the same in all training subjects, or known of none, is left out. Indicators of what is
    missing are a group of their own.

    Parameters
    ----------
    training : sequence of str
        Training subjects: labels and test subjects do not count.
    """
    found = {}
    for group in dict.fromkeys(groups.values()):
        names = [name for name in features if groups[str(name)] == group]
        found[group] = _that_vary(features[names], training)
    absent = features.drop(columns=[n for n in features if groups[str(n)] == "id"]).isna()
    absent = _that_vary(absent.astype(float), training)
    found[MISSING] = absent.loc[:, ~absent.T.duplicated()].add_prefix("missing_")
    known = [found[group] for group in found if group not in ("id", MISSING)]
    found[EVERYTHING] = pd.concat([*known, found[MISSING]], axis=1)
    empty = features.iloc[:, :0]
    return {group: found.get(group, empty) for group in GROUPS}


def _that_vary(columns: pd.DataFrame, training: Sequence[str]) -> pd.DataFrame:
    own = columns.loc[list(training)]
    varies = [len(np.unique(own[name].dropna())) > 1 for name in own]
    return columns.loc[:, varies]
