import hashlib

import pytest
import torch

from fake_cohort import TRAIN, fake_model
from ricenet.networks import ensemble

CPU = torch.device("cpu")


@pytest.fixture
def manifest(tmp_path):
    path = tmp_path / "manifest.tsv"
    path.write_text("subject\n")
    return path


def load(paths, manifest, *, ablation="dose", folds=(0, 1)):
    digest = hashlib.sha256(manifest.read_bytes()).hexdigest()
    return ensemble.load_ensemble(
        paths, ablation=ablation, manifest_digest=digest, folds=folds, device=CPU
    )


@pytest.fixture
def paths(tmp_path, manifest):
    return [
        fake_model(tmp_path / str(k) / "model.safetensors", manifest, ablation="dose", fold=k)
        for k in (1, 0)
    ]


def test_folds_are_read_from_the_files(paths, manifest):
    found = load(paths, manifest)
    assert list(found.networks) == [0, 1] and found.precision == "fp32"
    assert not any(network.training for network in found.networks.values())


def test_models_of_several_precisions_are_refused(paths, manifest, monkeypatch):
    monkeypatch.setitem(TRAIN, "validation_precision", "bf16")
    fake_model(paths[0], manifest, ablation="dose", fold=1)
    with pytest.raises(ValueError, match=r"validated in \['bf16', 'fp32'\]"):
        load(paths, manifest)


def test_another_ablation_is_refused(paths, manifest):
    with pytest.raises(ValueError, match="ablation 'dose'"):
        load(paths, manifest, ablation="event")


def test_another_cohort_is_refused(paths, manifest):
    manifest.write_text("subject\nnew\n")
    with pytest.raises(ValueError, match="trained with manifest"):
        load(paths, manifest)


def test_a_missing_fold_is_refused(paths, manifest):
    with pytest.raises(ValueError, match=r"folds \[1\]"):
        load(paths[:1], manifest)


def test_a_fold_given_twice_is_refused(paths, manifest):
    with pytest.raises(ValueError, match="two models are of fold 1"):
        load([paths[0], *paths], manifest)
