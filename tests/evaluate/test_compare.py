"""compare: paired figures against statsmodels, scipy and by hand."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import bootstrap
from sklearn.metrics import f1_score
from statsmodels.stats.contingency_tables import mcnemar

from fake_cohort import make_cohort
from ricenet.evaluate import compare
from step_run import run_step

SETTINGS = {"confidence": 0.9, "bootstrap_samples": 4000, "seed": 3}


@pytest.mark.parametrize("seed", range(4))
def test_mcnemar_is_that_of_statsmodels(seed: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = rng.random(30) < 0.8, rng.random(30) < 0.6
    found = compare.mcnemar(a, b)
    table = pd.crosstab(a, b).to_numpy()
    assert found["p"] == pytest.approx(mcnemar(table, exact=True).pvalue)
    discordant = found["only_right"] + found["only_right_other"]
    assert discordant == int((a != b).sum())
    assert found["smallest_p"] == pytest.approx(2 * 0.5**discordant)


def test_equal_ensembles_differ_in_nothing() -> None:
    labels = np.array([0, 1] * 6)
    predicted = np.array([0, 1, 1, 1, 0, 0] * 2)
    found = compare.compared(labels, predicted, predicted.copy(), SETTINGS)
    assert [found[k] for k in ("difference", "low", "high", "p", "smallest_p")] == [0, 0, 0, 1, 1]


def test_interval_is_that_of_a_paired_bootstrap() -> None:
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], 100)
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
    # without pairing it would be far wider
    apart = bootstrap(
        (mine == labels, theirs == labels), lambda a, b: a.mean() - b.mean(), paired=False,
        vectorized=False, n_resamples=300, confidence_level=0.9, method="percentile",
        rng=np.random.default_rng(1),
    ).confidence_interval  # fmt: skip
    assert found["high"] - found["low"] < 0.95 * (apart.high - apart.low)


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
