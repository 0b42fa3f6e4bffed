"""densenet: a second family goes through the real steps, from training to occlusion maps."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from built_networks import model_of
from fake_cohort import TRAIN, brain, fake_model, make_cohort, train_arguments
from ricenet.explain import dose_counterfactual, occlusion_map
from ricenet.image.volume import Volume, load, save
from ricenet.networks import build, layer_errors, watched_layer, weights
from ricenet.predict import predict
from ricenet.train import train_model

MODEL = {"network": "densenet121", "stem_stride": 1, "width": 0.125}
ABLATION = "event-dose"


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A trained model, the same with less memory, and an untrained one for the other fold."""
    manifest = make_cohort(tmp_path_factory.mktemp("study"), train=8, test=1, folds=2)
    plain, saving = (
        build.need(model_of(**MODEL), (16, 18, 20), 2, bf16=False, saving=form).bytes(4) / 1e9
        for form in (False, True)
    )
    with pytest.MonkeyPatch.context() as patch:
        for module in (watched_layer, layer_errors):  # most of the time of 121 layers' trial
            patch.setattr(module, "dirty_memory", lambda *_: None)
        for name, memory_gb in (
            ("0", None), ("less", (plain + saving) / 2),
        ):  # fmt: skip
            settings = {**TRAIN, "epochs": 3, "model": MODEL, "memory_gb": memory_gb}
            train_model.main(
                train_arguments(
                    manifest, manifest.parent / name, ablation=ABLATION, fold=0,
                    settings=settings,
                )
            )  # fmt: skip
    fake_model(
        manifest.parent / "1" / "model.safetensors", manifest, ablation=ABLATION, fold=1, **MODEL
    )
    return manifest


def facts_of(path):
    return json.loads(path.read_text())["facts"]


def common(manifest):
    models = [str(manifest.parent / fold / "model.safetensors") for fold in ("0", "1")]
    return ["--manifest", str(manifest), "--models", *models, "--ablation", ABLATION]


def test_it_trains_and_its_file_names_it(study):
    network, metadata = weights.load_model(
        study.parent / "0" / "model.safetensors", device=torch.device("cpu")
    )
    assert {name: metadata[name] for name in MODEL} == MODEL
    assert network.features.conv0.in_channels == 2
    history = (study.parent / "0" / "history.tsv").read_text().splitlines()
    losses = [float(line.split("\t")[1]) for line in history[1:]]
    assert losses[-1] < losses[0]
    facts = facts_of(study.parent / "0" / "model.json")
    assert len(facts["gradient_gate"]["errors"]) == 248 and facts["gradient_gate"]["given_up"] == []
    assert (facts["small_stem"], facts["checkpointed"]) == (False, False)


def test_with_less_memory_its_layers_are_computed_twice_and_nothing_else_differs(study):
    facts = facts_of(study.parent / "less" / "model.json")
    assert (facts["small_stem"], facts["checkpointed"], facts["samples"]) == (False, True, 4)
    found, expected = (
        load_file(study.parent / name / "model.safetensors") for name in ("less", "0")
    )
    assert all(torch.equal(found[name], expected[name]) for name in expected)
    for file in ("history.tsv", "predictions.tsv"):
        assert (study.parent / "less" / file).read_text() == (study.parent / "0" / file).read_text()


def plain_probabilities(manifest):
    """Of the test subject, by torch alone; (2,) one a fold."""
    data = np.load(manifest.parent / "../../caches/s08.npy")[[1, 2]].astype(np.float32)
    found = []
    for fold in ("0", "1"):
        network, _ = weights.load_model(
            manifest.parent / fold / "model.safetensors", device=torch.device("cpu")
        )
        with torch.no_grad():
            found.append(network(torch.from_numpy(data)[None]).softmax(1)[0, 1].item())
    return found


def test_it_predicts(study):
    out = study.parent / "test.tsv"
    predict.main(
        [*common(study), "--out", str(out), "--settings", '{"batch_size": 2, "device": "cpu"}',
         "--record", str(study.parent / "test.json")]
    )  # fmt: skip
    rows = [line.split("\t") for line in out.read_text().splitlines()[1:]]
    assert [float(row[-1]) for row in rows] == pytest.approx(plain_probabilities(study), abs=1e-6)


def test_its_occlusion_map_is_of_whole_passes(study):
    folder = study.parent
    save(folder / "mask.nii.gz", Volume(brain().astype(np.uint8), np.eye(4)))
    settings = {
        "ablations": [ABLATION], "cube_mm": 12.0, "stride_mm": 12.0, "mri_fill": 0.0,
        "dose_fill": 0.0, "batch_size": 4, "precision": "fp32", "device": "cpu",
    }  # fmt: skip
    occlusion_map.main(
        [*common(study), "--subject", "s08", "--mask", str(folder / "mask.nii.gz"),
         "--out", str(folder / "map.nii.gz"), "--channel-maps", str(folder / "map_c.nii.gz"),
         "--settings", json.dumps(settings), "--record", str(folder / "map.json")]
    )  # fmt: skip
    facts = facts_of(folder / "map.json")
    assert "not known to be local" in facts["whole_forward_passes_because"]
    clean = np.mean(plain_probabilities(study))
    assert facts["clean_probability_rice"] == pytest.approx(clean, abs=1e-6)
    assert np.abs(load(folder / "map.nii.gz").data).max() > 1e-5


def test_its_dose_is_changed(study):
    folder = study.parent
    save(folder / "s08.nii.gz", Volume(brain().astype(np.uint8), np.eye(4)))
    dose_counterfactual.main(
        [*common(study), "--masks", str(folder / "s08.nii.gz"), "--dose-scaling", "constant",
         "--subjects", '["s08"]', "--out", str(folder / "dose.tsv"),
         "--settings", '{"device": "cpu"}', "--record", str(folder / "dose.json")]
    )  # fmt: skip
    lines = [line.split("\t") for line in (folder / "dose.tsv").read_text().splitlines()]
    assert len(lines) > 2 and {line[1] for line in lines[1:]} == {"s08"}
