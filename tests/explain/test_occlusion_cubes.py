import json

import numpy as np
import pytest
import torch

from fake_cohort import brain, fake_model, make_cohort
from ricenet.explain import cube_values, occlusion_cubes
from ricenet.image.volume import Volume, save
from ricenet.networks import weights

ABLATION = "event-dose"
SETTINGS = {
    "cube_mm": 10.0, "stride_mm": 10.0, "dose_fill": "exchange", "calibration_subjects": 4,
    "batch_size": 16, "seed": 1, "device": "cpu",
}  # fmt: skip


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    manifest = make_cohort(tmp_path_factory.mktemp("cubes"), train=6, test=1, folds=2)
    save(manifest.parent / "mask.nii.gz", Volume(brain().astype(np.uint8), np.eye(4)))
    return manifest


def run(manifest, control="", folds=(0, 1), **settings):
    folder = manifest.parent
    models = [
        fake_model(folder / f"{k}.safetensors", manifest, ablation=ABLATION, fold=k, seed=k)
        for k in folds
    ]
    out = folder / f"cubes{control}.safetensors"
    occlusion_cubes.main(
        [
            "--manifest", str(manifest), "--models", *map(str, models), "--ablation", ABLATION,
            "--subject", "s06", "--mask", str(folder / "mask.nii.gz"), "--out", str(out),
            "--control", control, "--record", str(folder / f"cubes{control}.json"),
            "--settings", json.dumps(SETTINGS | settings),
        ]
    )  # fmt: skip
    networks = [weights.load_model(m, device=torch.device("cpu"))[0] for m in models]
    return networks, cube_values.read(out), json.loads(out.with_suffix(".json").read_text())


def channels(manifest, subject):
    data = np.load(manifest.parent / f"../../caches/{subject}.npy")[[1, 2]]
    return torch.from_numpy(data.astype(np.float32))


def test_a_hidden_cube_shows_the_donors_dose_and_the_mean_of_the_mri(manifest):
    networks, found, record = run(manifest)
    donor = [f"s0{i}" for i in range(6)]
    own = channels(manifest, "s06")
    seen = []
    for name in donor:
        other = occlusion_cubes.exchange_fill.other_volume(
            own.numpy(), channels(manifest, name).numpy(), exchanged=[False, True], cube=10
        )
        x, y, z = (slice(a, a + 10) for a in found.places[0])
        pasted = own.clone()
        pasted[:, x, y, z] = torch.from_numpy(other)[:, x, y, z]
        with torch.no_grad():
            p = [torch.softmax(n(pasted[None]), dim=1)[0].numpy() for n in networks]
        seen.append(np.abs(np.array(p) - found.hidden[:, 0]).max())
    assert sorted(seen)[0] < 1e-5 < sorted(seen)[1]  # exactly one is the donor
    assert record["facts"]["cubes"] == len(found.places) == found.hidden.shape[1]
    with torch.no_grad():
        clean = [torch.softmax(n(own[None]), dim=1)[0].numpy() for n in networks]
    np.testing.assert_allclose(found.clean, clean, atol=1e-6)


def test_the_donor_is_a_training_subject_whatever_else_there_is(manifest):
    table, _ = occlusion_cubes.dataset.read_manifest(manifest)
    donors = {occlusion_cubes.donor_of("s06", table, seed=s) for s in range(40)}
    assert donors == {f"s0{i}" for i in range(6)}
    shorter = table[table["split"] == "train"]
    for seed in range(5):
        donor = occlusion_cubes.donor_of("s06", table, seed=seed)
        assert donor == occlusion_cubes.donor_of("s06", shorter, seed=seed)
    assert occlusion_cubes.donor_of("s00", table, seed=1) != "s00"
    with pytest.raises(ValueError, match="no other training subject"):
        occlusion_cubes.donor_of("s06", table.loc[["s06"]], seed=1)


def test_controls_are_other_networks_at_the_same_cubes(manifest):
    trained = run(manifest)[1]
    one, two = (run(manifest, f"untrained-000{k}")[1] for k in (1, 2))
    for control in (one, two):
        np.testing.assert_array_equal(control.places, trained.places)
        assert np.abs(control.clean - trained.clean).max() > 1e-4
    assert np.abs(one.clean - two.clean).max() > 1e-4
    assert not np.array_equal(one.clean[0], one.clean[1])  # each fold's is another one
    permuted = run(manifest, "permutation-0001")[1]  # the same files stand for a control's
    np.testing.assert_array_equal(permuted.hidden, trained.hidden)


def test_wrong_models_of_a_control_are_refused(manifest):
    with pytest.raises(ValueError, match="each fold once"):
        run(manifest, "permutation-0001", folds=(0, 0))
