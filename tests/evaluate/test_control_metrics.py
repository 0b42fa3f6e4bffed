"""control_metrics: permuted labels are chance, and what knows them is caught. Real trainings."""

import hashlib
import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fake_cohort import TRAIN, make_cohort, train_arguments
from ricenet.cohort import control_manifest, dataset
from ricenet.evaluate import control_metrics
from ricenet.evaluate.check_predictions import read_checked
from ricenet.study import layout
from ricenet.train import train_model
from simulated_predictions import manifest, predictions

SHAPE, FOLDS = (10, 10, 10), 2
PLACE = (0, 5, 5, 5)
FAST = {**TRAIN, "epochs": 8, "learning_rate": 0.003, "model": {"stem_stride": 1, "width": 0.125},
        "augmentation": {**TRAIN["augmentation"], "probability": 0.0}}  # fmt: skip


def test_p_counts_the_study_as_one_of_its_permutations():
    """Against the definition: ranks among all, for a null that the study is drawn from, too."""
    rng = np.random.default_rng(1)
    values = rng.normal(size=(4000, 20))
    p = np.array([control_metrics.p_of_permutations(v[0], v[1:])[1] for v in values])
    for level in (0.05, 0.1, 0.5):
        assert abs((p <= level).mean() - level) < 4 * math.sqrt(level * (1 - level) / 4000)
    assert control_metrics.p_of_permutations(0.9, [0.5, 0.9, 0.4]) == (1, 0.5)


def test_areas_of_permuted_labels_lie_where_the_exact_null_says():
    """32 and 48 subjects in five folds; truth.md has 0.37 to 0.63 for them in one set."""
    cohort = manifest()
    own, _ = predictions(cohort, {"a": 2.0})
    runs = {}
    for k in range(1, 20):
        drawn, _ = predictions(cohort, {"a": 0.0}, seed=k)
        runs[f"permutation-{k:04d}", "a"] = drawn
    runs["seed-0001", "a"] = own
    rows, summary = control_metrics.tables(own, runs, confidence=0.95)
    found = summary.set_index(["control", "metric"]).loc[("permutation", "auc")]
    assert found["p"] == found["smallest_p"] == 0.05 and found["runs"] == 19
    assert 0.35 < found["chance_low"] < 0.37 and found["chance_low"] + found["chance_high"] == 1
    assert found["verdict"] == control_metrics.NO_LEAK and abs(found["mean"] - 0.5) < 0.05
    assert set(rows["set"]) == {control_metrics.SET} and set(rows["kind"]) == {
        "permutation",
        "seed",
    }
    assert summary[summary["control"] == "seed"]["p"].isna().all()


def test_tables_of_controls_are_refused_as_results(tmp_path):
    cohort = manifest()
    own, _ = predictions(cohort, {"a": 1.0})
    path = tmp_path / Path(layout.path("control_predictions")).name
    own.to_csv(path, sep="\t", index=False)
    with pytest.raises(ValueError, match=r"of a control .* are no results"):
        read_checked([path], [], cohort)


def permuted(study: Path) -> Path:
    """Manifest of a permutation of the study, both folds alike."""
    out = study.parent / "controls/permutation-0001/fold-0/control-manifest.tsv"
    control_manifest.main(
        ["--manifest", str(study), "--control", "permutation-0001", "--fold", "0", "--out",
         str(out), "--record", str(out.with_suffix(".json")), "--settings", '{"seed": 2026}']
    )  # fmt: skip
    return out


def write_into_caches(path: Path, labels: pd.Series) -> None:
    """Write each subject's label into one voxel of its cache, and the caches' digests anew."""
    table = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)
    for k, row in table.iterrows():
        cache = path.parent / row["cache"]
        data = np.load(cache)
        if row["subject"] in labels:
            data[PLACE] = 60.0 * (2 * labels[row["subject"]] - 1)
        np.save(cache, data)
        table.loc[k, "digest"] = hashlib.sha256(cache.read_bytes()).hexdigest()
    table.to_csv(path, sep="\t", index=False, lineterminator="\n")


def out_of_fold(path: Path, folder: Path) -> list[Path]:
    made = []
    for fold in range(FOLDS):
        own = folder / f"fold-{fold}"
        own.mkdir(parents=True)
        words = train_arguments(path, own, ablation="postop", fold=fold, settings=FAST)
        train_model.main(words)
        made.append(own / "predictions.tsv")
    return made


def compared(study: Path, observed: list[Path], controls: list[Path], folder: Path) -> pd.Series:
    """Let the step compare predictions of a study and of its control; its row of the AUC."""
    control_metrics.main(
        ["--manifest", str(study), "--observed", *map(str, observed), "--controls",
         *map(str, controls), "--of", json.dumps([["permutation-0001", "postop"]] * FOLDS), "--out",
         str(folder / "control-metrics.tsv"), "--summary", str(folder / "control-summary.tsv"),
         "--record", str(folder / "control-metrics.json"), "--settings", '{"confidence": 0.95}']
    )  # fmt: skip
    return pd.read_csv(folder / "control-summary.tsv", sep="\t").set_index("metric").loc["auc"]


@pytest.fixture
def study(tmp_path):
    return make_cohort(tmp_path, train=16, test=2, folds=FOLDS, shape=SHAPE)


@pytest.mark.slow
def test_a_cache_that_knows_the_labels_in_use_is_caught(study, tmp_path):
    """As if caches were made with the table of labels at hand: the permutation goes through it."""
    control = permuted(study)
    labels = dataset.read_manifest(control)[0]["label"]
    write_into_caches(study, labels)
    control = permuted(study)  # with the digests of the caches
    controls = out_of_fold(control, tmp_path / "run")
    found = compared(study, controls, controls, tmp_path)  # the study itself is of no interest here
    assert found["mean"] > 0.95 and found["verdict"] == control_metrics.LEAK


@pytest.mark.slow
def test_the_true_label_in_a_voxel_is_not_seen_by_permuted_labels(study, tmp_path):
    """The limit of this control: the study is perfect, the permuted labels are chance, p is small.

    What no step before the manifest is told, no step can write into a cache:
    test_rules.py::test_a_changed_label_remakes_no_image.
    """
    write_into_caches(study, dataset.read_manifest(study)[0]["label"])
    observed = out_of_fold(study, tmp_path / "own")
    found = compared(study, observed, out_of_fold(permuted(study), tmp_path / "run"), tmp_path)
    assert found["observed"] > 0.95 and found["verdict"] == control_metrics.NO_LEAK
    assert found["at_least"] == 0 and found["p"] == 0.5  # one permutation can show no more
