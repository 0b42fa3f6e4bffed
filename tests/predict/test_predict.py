import json

import numpy as np
import pandas as pd
import pytest
import torch

from fake_cohort import fake_model, make_cohort
from ricenet.cohort.prediction_table import TEST_COLUMNS
from ricenet.networks import weights
from ricenet.predict import predict

ABLATION = "postop-dose"
FOLDS = 3


@pytest.fixture
def manifest(tmp_path):
    return make_cohort(tmp_path, train=6, test=5, folds=FOLDS)


def run(manifest, *, ablation=ABLATION, made_for=ABLATION):
    folder = manifest.parent / ablation
    models = [
        fake_model(folder / f"fold-{k}.safetensors", manifest, ablation=made_for, fold=k, seed=k)
        for k in range(FOLDS)
    ]
    out = folder / "test-predictions.tsv"
    predict.main(
        [
            "--manifest", str(manifest), "--models", *map(str, models[::-1]),
            "--ablation", ablation, "--out", str(out), "--record", str(out.with_suffix(".json")),
            "--settings", json.dumps({"batch_size": 2, "device": "cpu"}),
        ]
    )  # fmt: skip
    return models, pd.read_csv(out, sep="\t")


def test_every_fold_predicts_every_test_subject(manifest):
    models, found = run(manifest)
    assert list(found.columns) == TEST_COLUMNS
    table = pd.read_csv(manifest, sep="\t").set_index("subject")
    expected = {(k, s) for k in range(FOLDS) for s in table.index[table["split"] == "test"]}
    assert set(zip(found["fold"], found["subject"], strict=True)) == expected
    assert len(found) == len(expected) and set(found["ablation"]) == {ABLATION}
    for row in found.itertuples():  # each alone, channels picked by hand
        data = np.load(manifest.parent / table.loc[row.subject, "cache"])[[0, 2]]
        network, _ = weights.load_model(models[row.fold], device=torch.device("cpu"))
        with torch.no_grad():
            logits = network(torch.from_numpy(data[None].astype(np.float32)))[0].double()
        rice = 1 / (1 + torch.exp(logits[0] - logits[1])).item()
        assert row.probability_rice == pytest.approx(rice, abs=1e-6)
        assert row.label == table.loc[row.subject, "label"]


def test_record_lists_the_test_subjects(manifest):
    run(manifest)
    record = json.loads((manifest.parent / ABLATION / "test-predictions.json").read_text())
    table = pd.read_csv(manifest, sep="\t").set_index("subject")
    assert record["facts"]["test_subjects"] == dict(table[table["split"] == "test"]["digest"])
    assert len(record["inputs"]["models"]) == FOLDS


def test_a_model_of_another_ablation_is_refused(manifest):
    with pytest.raises(ValueError, match="trained with ablation"):
        run(manifest, made_for="postop-event")
    assert not (manifest.parent / ABLATION / "test-predictions.tsv").exists()


def test_a_cohort_without_test_subjects(tmp_path):
    _, found = run(make_cohort(tmp_path / "none", train=6, test=0, folds=FOLDS))
    assert found.empty and list(found.columns) == TEST_COLUMNS
