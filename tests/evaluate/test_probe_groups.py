"""probe_groups: which columns a probe gets."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ricenet.evaluate import probe_groups


def tables() -> dict[str, pd.DataFrame]:
    rng = np.random.default_rng(0)
    found = {}
    for i in range(8):
        rows = [
            ("scanner", "echo", rng.random()), ("scanner", "same", 1.0),
            ("scanner", "unknown", np.nan), ("time", "days", np.nan if i % 3 else rng.random()),
            ("time", "gap", np.nan if i % 3 else rng.random()), ("id", "hash_0", rng.random()),
        ]  # fmt: skip
        if i < 6:  # the last two have no outline
            rows.append(("lesion", "gtv_ml", rng.random()))
        found[f"P{i}"] = pd.DataFrame(rows, columns=["group", "feature", "value"])
    return found


def test_columns_that_tell_nothing_apart_are_left_out() -> None:
    features, groups = probe_groups.wide(tables())
    found = probe_groups.columns_of(features, groups, [f"P{i}" for i in range(8)])
    assert list(found) == list(probe_groups.GROUPS)
    assert list(found["scanner"]) == ["echo"] and list(found["lesion"]) == ["gtv_ml"]
    assert found["dose_max"].shape == (8, 0)
    # days and gap are missing in the same subjects: one indicator of both
    assert list(found["missing"]) == ["missing_days", "missing_gtv_ml"]
    assert "hash_0" not in found["all"] and set(found["all"]) == {
        "echo", "days", "gap", "gtv_ml", "missing_days", "missing_gtv_ml",
    }  # fmt: skip


def test_only_training_subjects_decide() -> None:
    features, groups = probe_groups.wide(tables())
    found = probe_groups.columns_of(features, groups, [f"P{i}" for i in range(6)])
    assert list(found["missing"]) == ["missing_days"]  # among six all have an outline
    assert len(found["missing"]) == 8
