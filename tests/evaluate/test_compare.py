"""compare: paired figures against scipy, scikit-learn and by hand."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import bootstrap
from sklearn.metrics import f1_score

from fake_cohort import make_cohort
from ricenet.evaluate import compare
from ricenet.statistics import power
from step_run import run_step

SETTINGS = {"confidence": 0.9, "bootstrap_samples": 4000, "seed": 3}


def test_equal_ensembles_are_not_proven_equal() -> None:
    """Twelve patients leave room for a difference of 24 points of accuracy (Tango)."""
    labels = np.array([0, 1] * 6)
    predicted = np.array([0, 1, 1, 1, 0, 0] * 2)
    found = compare.compared(labels, predicted, predicted.copy(), SETTINGS | {"confidence": 0.95})
    assert [found[k] for k in ("difference", "accuracy_difference", "p", "smallest_p")] == [
        0,
        0,
        1,
        1,
    ]
    assert (found["accuracy_low"], found["accuracy_high"]) == pytest.approx(
        (-0.2425, 0.2425), abs=1e-4
    )
    assert found["low"] < -0.1 and found["high"] > 0.1
    (row,) = compare.judged([found], confidence=0.95)
    assert row["verdict"] == power.CANNOT and np.isnan(row["detectable"])


def test_interval_agrees_with_a_paired_bootstrap_where_that_is_right() -> None:
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], [100, 100])
    mine = np.where(rng.random(200) < 0.9, labels, 1 - labels)
    theirs = np.where(rng.random(200) < 0.7, mine, 1 - labels)  # alike: pairing matters
    found = compare.compared(labels, mine, theirs, SETTINGS)

    def difference(y, a, b):
        return f1_score(y, a, average="macro") - f1_score(y, b, average="macro")

    # scipy draws without regard to the classes, which changes little at this size
    other = bootstrap(
        (labels, mine, theirs), difference, paired=True, vectorized=False, n_resamples=300,
        confidence_level=0.9, method="percentile", rng=np.random.default_rng(1),
    ).confidence_interval  # fmt: skip
    assert found["difference"] == pytest.approx(difference(labels, mine, theirs))
    assert found["low"] == pytest.approx(other.low, abs=0.02)
    assert found["high"] == pytest.approx(other.high, abs=0.02)
    (row,) = compare.judged([found], confidence=0.9)
    assert row["verdict"] == power.SHOWN and row["p_holm"] == row["p"] < 0.001


def test_several_rows_are_several_tests() -> None:
    row = {"p": 0.02, "only_right": 10, "only_right_other": 2, "n": 80}
    assert compare.judged([row], confidence=0.95)[0]["verdict"] == power.SHOWN
    three = compare.judged([row] * 3, confidence=0.95)
    assert {r["verdict"] for r in three} == {power.NOT_SHOWN}
    assert {r["p_holm"] for r in three} == {0.06} and compare.judged([], confidence=0.95) == []


@pytest.fixture
def study(tmp_path: Path):
    """Manifest of a cohort, and predictions of two cohorts; s06 is new in the test set."""
    manifest = make_cohort(tmp_path, train=6, test=6, folds=2)
    rng = np.random.default_rng(2)
    for cohort, names in (("demo", range(6, 12)), ("c1", range(7, 13))):
        rows = [("event", k, f"s{n:02d}", n % 2, rng.random()) for k in range(3) for n in names]
        path = tmp_path / "cohorts" / cohort / "event" / "test-predictions.tsv"
        path.parent.mkdir(parents=True)
        columns = ["ablation", "fold", "subject", "label", "probability_rice"]
        pd.DataFrame(rows, columns=columns).to_csv(path, sep="\t", index=False)
    return manifest


def run(manifest: Path, other: str = "c1") -> pd.DataFrame:
    cohorts = manifest.parents[1]
    out = manifest.parent / "evaluation" / "comparison.tsv"
    files = [cohorts / c / "event" / "test-predictions.tsv" for c in ("demo", other)]
    run_step(
        compare.main, out.with_suffix(".json"), SETTINGS | {"cohorts": [other]}, manifest=manifest,
        ablations=json.dumps(["event"]), mine=[files[0]], others=[files[1]], out=out,
    )  # fmt: skip
    return pd.read_csv(out, sep="\t")


def test_only_common_subjects_are_compared(study: Path) -> None:
    row = run(study).iloc[0]
    assert (row["ablation"], row["other"], row["n"]) == ("event", "c1", 5)
    names = [f"s{n:02d}" for n in range(7, 12)]
    labels = pd.read_csv(study, sep="\t").set_index("subject").loc[names, "label"]
    for cohort, column in (("demo", "macro_f1"), ("c1", "macro_f1_other")):
        path = study.parents[1] / cohort / "event" / "test-predictions.tsv"
        rice = pd.read_csv(path, sep="\t").pivot(
            index="subject", columns="fold", values="probability_rice"
        )
        votes = (rice.loc[names] > 0.5).sum(axis=1) >= 2
        assert row[column] == pytest.approx(f1_score(labels, votes, average="macro"))
    record = json.loads((study.parent / "evaluation/comparison.json").read_text())
    assert record["facts"]["common_test_subjects"] == [5]


def test_cohort_that_was_not_evaluated_is_named(study: Path) -> None:
    with pytest.raises(ValueError, match=r"test-predictions.tsv of cohort c9 does not exist; run"):
        run(study, "c9")


def test_nobody_in_common(study: Path) -> None:
    path = study.parents[1] / "c1/event/test-predictions.tsv"
    path.write_text(path.read_text().replace("\ts0", "\tx0").replace("\ts1", "\tx1"))
    assert run(study).empty
