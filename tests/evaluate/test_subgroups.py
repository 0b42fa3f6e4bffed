"""subgroups: counts by hand, small groups hidden, missing values by class."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from ricenet.evaluate import subgroups
from ricenet.statistics.metrics import wilson

SETTINGS = {"confidence": 0.95, "minimum": 5}


@pytest.fixture
def features() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "event_slice_mm": np.where(np.arange(30) < 3, 5.0, 1.0),
            "postop_slice_mm": 1.0,
            "event_after_radiotherapy_d": np.where(np.arange(30) % 2, 100.0, 400.0),
            "dose_per_fraction_gy": [math.nan] * 6 + [2.0] * 12 + [2.67] * 12,
            "dose_hottest_gy": rng.normal(60, 0.5, 30),
        },
        index=[f"S{i:02d}" for i in range(30)],
    )


def test_groups_are_fixed_ranges_of_the_reference_image(features: pd.DataFrame) -> None:
    found = subgroups.groupings(features, "event")
    assert set(found) == {
        "event_slice_mm", "event_after_radiotherapy_d", "dose_hottest_gy", "dose_per_fraction_gy",
    }  # fmt: skip
    assert found["dose_per_fraction_gy"].value_counts().to_dict() == {
        "not known": 6, "conventional fractions": 12, "hypofractionated fractions": 12,
    }  # fmt: skip
    assert subgroups.group_of(180.0, subgroups.RANGES["_after_radiotherapy_d"]).startswith("up to")


def test_counts_by_hand_and_small_groups_without_figures(features: pd.DataFrame) -> None:
    rng = np.random.default_rng(1)
    answers = pd.DataFrame(
        {"label": np.arange(30) % 3 == 0, "predicted": rng.random(30) < 0.4}, index=features.index
    ).astype(int)
    rows = pd.DataFrame(subgroups.rows(answers, subgroups.groupings(features, "event"), SETTINGS))
    assert "dose_hottest_gy" not in set(rows["by"])  # all in one group
    small = rows[rows["group"] == "thicker slices"].iloc[0]
    assert small["n"] == 3 and np.isnan(small["errors"]) and "fewer than 5" in small["note"]
    assert "p" not in rows.columns
    for row in rows.dropna(subset=["errors"]).to_dict("records"):
        own = subgroups.groupings(features, "event")[row["by"]] == row["group"]
        wrong = (answers["label"] != answers["predicted"])[own]
        assert row["n"] == own.sum() and row["errors"] == wrong.sum()
        assert row["missed_rice"] == (wrong & (answers["label"][own] == 1)).sum()
        expected = wilson(int(own.sum() - wrong.sum()), int(own.sum()), confidence=0.95)
        assert (row["accuracy"], row["low"], row["high"]) == pytest.approx(expected)


def test_what_is_missing_in_one_class_comes_first(features: pd.DataFrame) -> None:
    labels = pd.Series(np.arange(30) % 2, index=features.index)
    features["echo"] = np.where(labels == 1, math.nan, 3.0)
    features["repetition"] = features["echo"] * 3  # of the same header
    features["inversion"] = math.nan  # known of nobody: no way to tell them apart
    groups = dict.fromkeys(map(str, features), "scanner")
    first, second = subgroups.missing_rows(features, groups, labels, confidence=0.95)
    assert first["feature"] == "echo" and first["missing_rice"] == 15 == first["rice"]
    assert (first["alike"], second["alike"]) == (1, 0)
    assert first["difference"] == 1 and first["low"] > 0.6
    assert second["feature"] == "dose_per_fraction_gy" and second["low"] < 0 < second["high"]
    assert (second["missing_rice"], second["missing_recurrence"]) == (3, 3)
