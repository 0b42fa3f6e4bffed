"""probes: a planted shortcut is found, and where none is planted none is found."""

from __future__ import annotations

import json
from itertools import product

import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.multitest import multipletests

from fake_cohort import make_cohort
from probe_records import records
from ricenet.evaluate import added_value, probe_groups, probes, record_features
from ricenet.statistics import roc
from simulated_predictions import manifest, predictions

SETTINGS = {"confidence": 0.95, "inner_folds": 2, "seed": 1}


def features(cohort: pd.DataFrame, *, shortcut: bool) -> dict[str, pd.DataFrame]:
    """Features of each subject, from records."""
    rng, found = np.random.default_rng(4), {}
    for row in cohort.itertuples():
        made = records(row.label, rng, shortcut=shortcut)
        own = [
            *record_features.of_scanner(made, ["event"]),
            *record_features.of_scheme(made, ["dose"]),
            *record_features.of_identity(row.subject),
        ]
        found[row.subject] = pd.DataFrame(own, columns=record_features.Feature._fields)
    return found


def run(*groups: str, shortcut: bool) -> tuple[pd.DataFrame, pd.DataFrame]:
    cohort = manifest()
    wide, group_of = probe_groups.wide(features(cohort, shortcut=shortcut))
    training = list(cohort.index[cohort["split"] == "train"])
    columns = probe_groups.columns_of(wide, group_of, training)
    columns = {group: columns[group] for group in groups}
    found = probes.probed(columns, cohort, SETTINGS)
    made = found.predictions()
    assert made.groupby(["group", "model", "set"]).size().isin([80, 12]).all()
    assert made["probability_rice"].between(0, 1).all()
    curves = probes.decision_rows(found, cohort, SETTINGS)
    made_of = {group for group, _ in found.out_of_fold}
    assert {(r["group"], r["set"]) for r in curves} == set(product(made_of, ("validation", "test")))
    assert all("called" in r for r in curves if r["set"] == "validation")
    assert all(r["note"].startswith("not made") for r in curves if r["set"] == "test")
    validation, _ = predictions(cohort, {"event-dose": 2.2})
    beyond = probes.added(validation, found.out_of_fold, SETTINGS)
    return (
        pd.DataFrame(found.rows, columns=probes.COLUMNS),
        pd.DataFrame(beyond, columns=added_value.COLUMNS),
    )


@pytest.fixture(scope="module")
def planted() -> tuple[pd.DataFrame, pd.DataFrame]:
    return run("scanner", "dose_max", "time", "id", shortcut=True)


def test_a_planted_shortcut_is_found(planted) -> None:
    rows, beyond = planted
    own = rows[(rows["group"] == "scanner") & (rows["model"] == "logistic")]
    assert (own["auc"] > 0.9).all() and set(own["set"]) == {"validation", "test"}
    verdicts = beyond[beyond["group"] == "scanner"]["verdict"]
    told = ("alone is ahead", "alone does as well", "alone is not shown to be worse")
    assert all(verdict.endswith(told) for verdict in verdicts)
    assert (own["used"].str.split(", ").str.len() == own["features"]).all()
    assert set(beyond[beyond["group"] == "scanner"]["kind"]) == {"confounder"}


def test_ids_and_doses_tell_nothing(planted) -> None:
    rows, beyond = planted
    own = rows[(rows["set"] == "validation") & rows["group"].isin(["id", "dose_max"])]
    assert own["auc"].between(0.5 - 0.17, 0.5 + 0.17).all()
    assert beyond[beyond["group"] == "id"]["verdict"].str.endswith("compatible with 0.5").all()


def test_without_a_shortcut_none_is_found() -> None:
    rows, beyond = run("scanner", shortcut=False)
    own = rows[(rows["group"] == "scanner") & (rows["set"] == "validation")]
    assert own["auc"].between(0.33, 0.67).all()
    assert not beyond["verdict"].str.startswith("a model of").any()
    assert (beyond[beyond["group"] == "scanner"]["verdict"] == added_value.NO_BAR).all()


def test_p_values_of_probes_are_corrected_for_their_number(planted) -> None:
    rows, _ = planted
    own = rows[(rows["set"] == "validation") & rows["auc"].notna()]
    real = own[own["kind"] != "control"]
    expected = multipletests(real["p"], method="holm")[1]
    assert real["p_holm"].to_numpy(float) == pytest.approx(expected)
    assert own[own["kind"] == "control"]["p_holm"].isna().all()


def test_what_is_not_known_is_not_made(planted) -> None:
    rows, beyond = planted
    own = rows[rows["group"] == "time"]
    assert rows["n"].dtype == int  # or the report would read "80.0"
    assert own["auc"].isna().all() and own["note"].str.startswith("not made: no feature").all()
    assert "time" not in set(beyond["group"])


def test_chance_is_that_of_exchanged_labels(planted) -> None:
    rows, _ = planted
    cohort = manifest()
    train = cohort[cohort["split"] == "train"]
    labels, folds = train["label"].to_numpy(), train["fold"].to_numpy()
    rng = np.random.default_rng(0)
    score = rng.random(80)
    drawn = []
    for _ in range(400):
        exchanged = labels.copy()
        for k in range(5):
            exchanged[folds == k] = rng.permutation(labels[folds == k])
        drawn.append(float(roc.delong(exchanged, score, folds).values[0]))
    row = rows[rows["set"] == "validation"].iloc[0]
    limits = np.quantile(drawn, [0.025, 0.975])
    assert limits == pytest.approx([row["null_low"], row["null_high"]], abs=0.02)


def test_the_step_says_where_patients_are_too_few(tmp_path) -> None:
    path = make_cohort(tmp_path, train=18, test=4, folds=3)
    table = pd.read_csv(path, sep="\t").set_index("subject", drop=False)
    validation, _ = predictions(table, {"dose": 2.0})
    validation.to_csv(tmp_path / "validation.tsv", sep="\t", index=False)
    made = features(table, shortcut=False)
    for subject, rows in made.items():
        rows.to_csv(tmp_path / f"{subject}.tsv", sep="\t", index=False)
    probes.main(
        [
            "--manifest", str(path), "--validation", str(tmp_path / "validation.tsv"),
            "--subjects", json.dumps(list(made)),
            "--features", *(str(tmp_path / f"{s}.tsv") for s in made),
            "--probes", str(tmp_path / "p.tsv"), "--added-value", str(tmp_path / "a.tsv"),
            "--predictions", str(tmp_path / "probe-predictions.tsv"),
            "--decision", str(tmp_path / "probe-decision.tsv"),
            "--record", str(tmp_path / "p.json"), "--settings", json.dumps(SETTINGS),
        ]
    )  # fmt: skip
    found = pd.read_csv(tmp_path / "p.tsv", sep="\t")
    assert len(found) == 2 * len(probe_groups.GROUPS)
    assert found["note"].str.startswith("not made: 9 training patients").all()
    empty = pd.read_csv(tmp_path / "probe-predictions.tsv", sep="\t")
    assert list(empty.columns) == probes.PREDICTION_COLUMNS and empty.empty
    facts = json.loads((tmp_path / "p.json").read_text())["facts"]["features"]
    assert facts["scanner"] == ["event_slice_mm", "event_echo_ms", "event_repetition_ms"]
