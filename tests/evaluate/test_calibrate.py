"""calibrate: the tables of a simulated cohort, of which it is known what is wrong."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from fake_cohort import make_cohort
from ricenet.evaluate import calibrate
from simulated_predictions import manifest, predictions

SETTINGS = {
    "confidence": 0.95, "cost_ratio": 4.0, "conformal_alpha": [0.1, 0.2], "draws": 60, "seed": 1,
}  # fmt: skip


@pytest.fixture(scope="module")
def tables() -> dict[str, pd.DataFrame]:
    made = predictions(manifest(), {"dose": 1.8, "event-dose": 1.8}, stretch=3.0)
    return calibrate.tables(*made, SETTINGS)


def pick(table: pd.DataFrame, **wanted: object) -> pd.Series:
    for column, value in wanted.items():
        table = table[table[column] == value]
    assert len(table) == 1
    return table.iloc[0]


def test_probabilities_that_are_too_extreme_are_found_and_mended(tables) -> None:
    table = tables["calibration"]
    row = {"ablation": "dose", "set": "validation"}
    slope = pick(table, **row, version="as predicted", measure="slope")
    assert slope["high"] < 1 and slope["n"] == 80 and slope["null"] == 1
    mended = pick(table, **row, version="temperature", measure="slope")
    assert mended["low"] < 1 < mended["high"]
    before, after = (
        pick(table, **row, version=v, measure="miscalibration")
        for v in ("as predicted", "temperature, share of RICE")
    )
    assert before["p"] < 0.05 < after["p"] and after["value"] < before["value"]
    temperature = pick(table, **row, version="temperature", measure="temperature")
    assert temperature["low"] < 3 < temperature["high"] and temperature["n"] == 80


def test_the_share_of_rice_is_put_right(tables) -> None:
    """The network saw as many RICE as recurrences; 40 % of the patients have RICE."""
    curve = tables["curve"][tables["curve"]["ablation"] == "dose"]
    mean = {
        version: np.average(rows["probability"], weights=rows["n"])
        for version, rows in curve.groupby("version")
    }
    shifted = mean["temperature, share of RICE"]
    assert shifted == pytest.approx(0.4, abs=0.06) and mean["temperature"] > shifted + 0.02
    assert (curve.groupby("version")["n"].sum() == 80).all()
    assert (curve.groupby("version")["rice"].sum() == 32).all()
    isotonic = curve[curve["version"] == "as predicted"]["isotonic"].to_numpy()
    assert (np.diff(isotonic) >= -1e-12).all()


def test_thresholds_of_others_and_the_headline_of_a_half(tables) -> None:
    table = tables["thresholds"]
    assert set(table["rule"]) == {"0.5", "Youden", "cost ratio 4"}
    half = table[table["rule"] == "0.5"]
    assert (half["threshold"] == 0.5).all() and (table["low"] < table["high"]).all()
    missed, false = (
        table[(table["metric"] == "sensitivity") & (table["set"] == "validation")].groupby("rule")[
            "value"
        ].mean()[rule]
        for rule in ("cost ratio 4", "0.5")
    )  # fmt: skip
    assert missed >= false  # a missed RICE is dear
    test = table[(table["set"] == "test") & (table["rule"] == "Youden")]
    assert (test["threshold_low"] == test["threshold_high"]).all()


def test_sets_hold_the_right_class_about_as_often_as_announced(tables) -> None:
    table = tables["conformal"]
    own = table[table["set"] == "validation"]
    assert (own["coverage"] >= 1 - own["alpha"] - 0.12).all()
    assert (own["single"] + own["both"] + own["none"] == own["n"]).all()
    assert (own["expected_low"] < 1 - own["alpha"]).all()
    wide, narrow = (own[own["alpha"] == a]["both"].sum() for a in (0.1, 0.2))
    assert wide >= narrow
    assert set(table[table["set"] == "test"]["calibrated"]) == {32, 48}


def test_the_surest_are_right_more_often(tables) -> None:
    table = tables["selective"]
    area = pick(table, ablation="dose", set="validation", measure="area")
    assert area["p"] < 0.05 and area["value"] < area["null"]
    risk = table[(table["measure"] == "risk") & (table["set"] == "validation")]
    everybody = risk[(risk["coverage"] == 1) & (risk["rule"].str.startswith("distance"))]
    assert (everybody["value"] == everybody["null"]).all()
    assert (risk["errors_rice"] <= risk["errors"]).all()


def test_order_of_rows_does_not_matter(tables) -> None:
    validation, test = predictions(manifest(), {"dose": 1.8, "event-dose": 1.8}, stretch=3.0)
    found = calibrate.tables(validation.sample(frac=1, random_state=0).sort_values(
        "ablation", kind="stable"), test[::-1], SETTINGS)  # fmt: skip
    for name, table in tables.items():
        pd.testing.assert_frame_equal(found[name], table)


def test_few_patients_are_said_to_be_too_few() -> None:
    validation, test = predictions(manifest(8, 4), {"dose": 1.0})
    for name, table in calibrate.tables(validation, test, SETTINGS).items():
        if name == "curve":
            assert table.empty
        else:
            assert table["note"].str.startswith("not made: ").all() and len(table)
            assert table.filter(["value", "low", "high", "coverage"]).isna().all().all()


def test_the_step_writes_what_the_rule_names(tmp_path) -> None:
    path = make_cohort(tmp_path, train=18, test=4, folds=3)
    table = pd.read_csv(path, sep="\t").set_index("subject", drop=False)
    folder = path.parent / "evaluation"
    folder.mkdir()
    argv = ["--manifest", str(path), "--record", str(folder / "calibration.json"),
            "--settings", json.dumps(SETTINGS)]  # fmt: skip
    for name, made in zip(("validation", "test"), predictions(table, {"dose": 2.0}), strict=True):
        made.to_csv(folder / f"{name}.tsv", sep="\t", index=False)
        argv += [f"--{name}", str(folder / f"{name}.tsv")]
    for name in (*calibrate.TABLES, "curve"):
        argv += [f"--{name}", str(folder / f"{name}.tsv.made")]
    calibrate.main(argv)
    record = json.loads((folder / "calibration.json").read_text())
    assert record["facts"]["not_made"] == [
        "not made: 9 patients of the smaller class for the fit, fewer than 10"
    ]
    found = pd.read_csv(folder / "conformal.tsv.made", sep="\t")
    assert list(found.columns) == calibrate.TABLES["conformal"][1] and len(found) == 4
