"""Errors by subgroups of patients, and missing features by class.

Without p values: so many tables would find something by chance. Groups are fixed ranges, not such
as the results suggest; a group that is too small shows its size only.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from ricenet.evaluate.record_features import SCHEMES
from ricenet.statistics import proportions
from ricenet.statistics.metrics import wilson

Row = dict[str, Any]
SUBGROUP_COLUMNS = [
    "ablation", "set", "by", "group", "n", "rice", "errors", "missed_rice", "accuracy", "low",
    "high", "constant", "note",
]  # fmt: skip
MISSING_COLUMNS = [
    "feature", "alike", "group", "missing_rice", "rice", "missing_recurrence", "recurrence",
    "difference", "low", "high",
]  # fmt: skip
UNKNOWN = "not known"
# ranges by the end of a feature's name: upper ends and words
RANGES: dict[str, list[tuple[float, str]]] = {
    "_slice_mm": [(1.5, "slices up to 1.5 mm"), (math.inf, "thicker slices")],
    "_after_radiotherapy_d": [
        (180, "up to 180 days after radiotherapy"), (365, "181 to 365 days"),
        (math.inf, "more than a year"),
    ],
    "_inversion_recovery": [(0.5, "no inversion recovery"), (math.inf, "inversion recovery")],
    "_dicom": [(0.5, "converted before"), (math.inf, "DICOM")],
    "_hottest_gy": [(45, "up to 45 Gy"), (62, "45 to 62 Gy"), (math.inf, "more than 62 Gy")],
}  # fmt: skip


def group_of(value: float, ranges: list[tuple[float, str]]) -> str:
    """Return the name of the range that a value falls into."""
    if math.isnan(value):
        return UNKNOWN
    return next(words for most, words in ranges if value <= most)


def groupings(features: pd.DataFrame, reference: str) -> dict[str, pd.Series]:
    """Return the group of each subject, for each grouping.

    Parameters
    ----------
    features : DataFrame
        One row a subject, as from :func:`ricenet.evaluate.probe_groups.wide`.
    reference : str
        Image whose acquisition and time count.
    """
    found = {}
    for ending, ranges in RANGES.items():
        for name in (str(n) for n in features if str(n).endswith(ending)):
            if name.removesuffix(ending) == reference or ending == "_hottest_gy":
                found[name] = features[name].map(lambda v, r=ranges: group_of(v, r))
    for name in (str(n) for n in features if str(n).endswith("_per_fraction_gy")):
        ranges = [(most, f"{scheme} fractions") for scheme, most in SCHEMES.items()]
        found[name] = features[name].map(lambda v, r=ranges: group_of(v, r))
    return found


def in_order(groups: pd.Series) -> list[str]:
    """Return the groups that there are, in the order of their ranges; what is not known last."""
    schemes = [f"{scheme} fractions" for scheme in SCHEMES]
    known = [words for ranges in RANGES.values() for _, words in ranges] + schemes
    return sorted(set(groups), key=lambda g: (known.index(g) if g in known else len(known), g))


def rows(answers: pd.DataFrame, grouped: Mapping[str, pd.Series], settings: Row) -> list[Row]:
    """Return one row for each group of subjects.

    ``constant`` is the accuracy of the better of two classifiers that give everybody in the group
    the same answer: an accuracy says nothing without it, as groups differ in their share of RICE.

    Parameters
    ----------
    answers : DataFrame
        Indexed by subject; label and predicted of one input combination and set.
    settings : dict
        confidence, minimum.
    """
    wrong = answers["label"] != answers["predicted"]
    found = []
    for by, groups in grouped.items():
        own = groups.loc[answers.index]
        if own.nunique() < 2:
            continue  # everybody is in one: the whole table says it already
        for group in in_order(own):
            inside = own == group
            n, rice = int(inside.sum()), int((inside & (answers["label"] == 1)).sum())
            row: Row = {"by": by, "group": group, "n": n, "rice": rice}
            if n < settings["minimum"]:
                found.append({**row, "note": f"fewer than {settings['minimum']} patients"})
                continue
            errors = int((wrong & inside).sum())
            accuracy = wilson(n - errors, n, confidence=settings["confidence"])
            found.append(
                {
                    **row, "errors": errors,
                    "missed_rice": int((wrong & inside & (answers["label"] == 1)).sum()),
                    "accuracy": accuracy.value, "low": accuracy.low, "high": accuracy.high,
                    "constant": max(rice, n - rice) / n,
                }
            )  # fmt: skip
    return found


def missing_rows(
    features: pd.DataFrame, groups: Mapping[str, str], labels: pd.Series, *, confidence: float
) -> list[Row]:
    """Return how often a feature is missing in each class, where some have it and some do not.

    Features that are missing in the same subjects are one row, ``alike`` says how many more there
    are. The difference is that of RICE and recurrence, with Newcombe's interval.
    """
    rice = (labels.loc[features.index] == 1).to_numpy()
    alike: dict[bytes, list[str]] = {}
    for name in features:
        alike.setdefault(features[name].isna().to_numpy().tobytes(), []).append(str(name))
    found = []
    for name, *others in alike.values():
        absent = features[name].isna().to_numpy()
        if not absent.any() or absent.all() or not rice.any() or rice.all():
            continue
        counts = [int((absent & own).sum()) for own in (rice, ~rice)]
        sizes = [int(rice.sum()), int((~rice).sum())]
        difference = proportions.difference(
            (counts[0], sizes[0]), (counts[1], sizes[1]), confidence=confidence
        )
        found.append(
            {
                "feature": name, "alike": len(others), "group": groups[name],
                "missing_rice": counts[0], "rice": sizes[0],
                "missing_recurrence": counts[1], "recurrence": sizes[1],
                "difference": difference.value, "low": difference.low, "high": difference.high,
            }
        )  # fmt: skip
    return sorted(found, key=lambda row: -abs(float(row["difference"])))
