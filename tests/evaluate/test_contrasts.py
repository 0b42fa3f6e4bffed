"""contrasts: a family of input combinations on the same patients, against its parts by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest
from sklearn.metrics import roc_auc_score

from ricenet.evaluate import contrasts
from ricenet.statistics import power

SETTINGS = {"confidence": 0.95, "bootstrap_samples": 400, "seed": 1}
NAMES = [
    "postop",
    "event",
    "dose",
    "postop-event",
    "postop-dose",
    "event-dose",
    "postop-event-dose",
]


def predictions(n: int, gain: dict[str, float]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Validation predictions of five folds, and test predictions of two models, of n patients."""
    rng = np.random.default_rng(0)
    hidden, validation, test = rng.normal(size=n), [], []
    for name, shift in gain.items():
        noise = rng.normal(size=n)
        for i in range(n):
            label = i % 2
            logit = 0.7 * hidden[i] + 0.7 * noise[i] + shift * (label - 0.5)
            p = 1 / (1 + np.exp(-logit))
            for which in ("last", "best"):
                validation.append(
                    (name, i // 2 % 5, which, f"s{i:03d}", label, p if which == "last" else 0.5)
                )
            test += [(name, k, f"t{i:03d}", label, p) for k in (0, 1)]
    columns = ["ablation", "fold", "which", "subject", "label", "probability_rice"]
    test_columns = [c for c in columns if c != "which"]
    return pd.DataFrame(validation, columns=columns), pd.DataFrame(test, columns=test_columns)


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    validation, test = predictions(80, {"event": 0.5, "dose": 4.0, "event-dose": 4.0})
    pairs = [("dose", "event"), ("event-dose", "dose")]
    return contrasts.contrasts(validation, test, pairs, SETTINGS)


def test_counts_and_areas_by_hand(table: pd.DataFrame) -> None:
    validation, _ = predictions(80, {"event": 0.5, "dose": 4.0, "event-dose": 4.0})
    rows = validation[validation["which"] == "last"].set_index("subject")
    right = {
        name: (part["probability_rice"] > 0.5) == part["label"]
        for name, part in rows.groupby("ablation")
    }
    first = table.iloc[0]
    only = [int((right[a] & ~right[b]).sum()) for a, b in (("dose", "event"), ("event", "dose"))]
    assert [first["only_right_first"], first["only_right_second"]] == only
    assert first["difference"] == pytest.approx((only[0] - only[1]) / 80)
    assert first["p"] == pytest.approx(binomtest(only[0], sum(only)).pvalue)
    areas = {}
    for name, part in rows.groupby("ablation"):
        by_fold = [
            roc_auc_score(r["label"], r["probability_rice"]) for _, r in part.groupby("fold")
        ]
        areas[name] = np.mean(by_fold)  # folds of equal size
    assert first["auc_difference"] == pytest.approx(areas["dose"] - areas["event"])
    gains = (right["dose"].astype(int) - right["event"].astype(int)).groupby(
        rows[rows["ablation"] == "dose"]["fold"]
    )
    assert first["fold_difference"] == pytest.approx(gains.mean().mean())
    assert first["fold_low"] < first["fold_difference"] < first["fold_high"]


def test_what_is_planted_is_shown_and_what_is_not_is_not(table: pd.DataFrame) -> None:
    assert list(table["set"]) == ["validation"] * 2 + ["test"] * 2
    assert list(table["verdict"]) == [power.SHOWN, power.NOT_SHOWN] * 2
    assert list(table["level"]) == pytest.approx([0.01, 0.01, 0.05, 0.05])
    assert (table["p_max_t"] >= table["p"] - 0.02).all()
    assert (table["p_holm"] >= table["p"]).all()
    assert (table["low"] < table["high"]).all() and table["detectable_at_best"].between(
        0.05, 0.4
    ).all()
    assert table.loc[table["set"] == "test", "fold_difference"].isna().all()


def test_twelve_patients_decide_nothing() -> None:
    validation, test = predictions(12, {"dose": 1.0, "event-dose": 1.0})
    found = contrasts.contrasts(validation, test, [("event-dose", "dose")], SETTINGS)
    assert list(found["verdict"]) == [power.CANNOT] * 2 and found["detectable"].isna().all()
    assert (found["high"] - found["low"] > 0.3).all()


def test_order_of_rows_does_not_matter(table: pd.DataFrame) -> None:
    validation, test = predictions(80, {"event": 0.5, "dose": 4.0, "event-dose": 4.0})
    pairs = [("dose", "event"), ("event-dose", "dose")]
    shuffled = validation.sample(frac=1, random_state=0), test[::-1]
    pd.testing.assert_frame_equal(contrasts.contrasts(*shuffled, pairs, SETTINGS), table)


def test_without_contrasts_or_test_subjects() -> None:
    validation, test = predictions(12, {"dose": 1.0})
    assert contrasts.contrasts(validation, test, [], SETTINGS).empty
    validation, test = predictions(12, {"dose": 1.0, "event": 1.0})
    found = contrasts.contrasts(validation, test[:0], [("dose", "event")], SETTINGS)
    assert list(found["set"]) == ["validation"] and list(found.columns) == contrasts.COLUMNS
