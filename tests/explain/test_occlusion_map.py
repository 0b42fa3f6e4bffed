import json

import numpy as np
import pytest
import torch

from built_networks import built
from fake_cohort import SHAPE, brain, fake_model, make_cohort
from ricenet.explain import occlusion_map
from ricenet.explain.occlusion import maps
from ricenet.explain.occlusion.layers import NotLocalError
from ricenet.explain.occlusion.maps import occlusion_map as pure
from ricenet.image.volume import Volume, load, save
from ricenet.networks import weights
from ricenet.provenance.digests import file_digest

ABLATION = "event-dose"
AFFINE = np.array([[1, 0, 0, -8.0], [0, 1, 0, 5], [0, 0, 1, 2], [0, 0, 0, 1]])
SETTINGS = {
    "ablations": [ABLATION], "cube_mm": 6.4, "stride_mm": 4.0, "mri_fill": 0.0, "dose_fill": 0.25,
    "batch_size": 16, "precision": "fp32", "device": "cpu",
}  # fmt: skip


@pytest.fixture
def manifest(tmp_path):
    manifest = make_cohort(tmp_path, train=6, test=1, folds=2)
    save(manifest.parent / "mask.nii.gz", Volume(brain().astype(np.uint8), AFFINE))
    return manifest


def run(manifest, *, subject="s06", mask="mask.nii.gz", ablation=ABLATION, **settings):
    folder = manifest.parent
    models = [
        fake_model(folder / f"{k}.safetensors", manifest, ablation=ablation, fold=k, seed=k)
        for k in (0, 1)
    ]
    out = folder / "map.nii.gz"
    occlusion_map.main(
        [
            "--manifest", str(manifest), "--models", *map(str, models), "--ablation", ablation,
            "--subject", subject, "--mask", str(folder / mask), "--out", str(out),
            "--channel-maps", str(folder / "map_channels.nii.gz"),
            "--settings", json.dumps(SETTINGS | settings), "--record", str(folder / "map.json"),
        ]
    )  # fmt: skip
    networks = [weights.load_model(m, device=torch.device("cpu"))[0] for m in models]
    return networks, load(out), json.loads((folder / "map.json").read_text())["facts"]


def test_map_is_that_of_the_function_on_the_mask_grid(manifest, tmp_path):
    networks, found, facts = run(manifest)
    data = np.load(tmp_path / "caches" / "s06.npy")[[1, 2]].astype(np.float32)
    expected = pure(
        networks, torch.from_numpy(data), brain(),
        cube=6, stride=4, channels=[0, 1], batch_size=5, fill=(0.0, 0.25), precision="fp32",
        progress=lambda *_: None,
    )  # fmt: skip
    np.testing.assert_allclose(found.data, expected.change, atol=1e-6)
    np.testing.assert_array_equal(found.affine, AFFINE)
    assert found.data.dtype == np.float32 and found.data.shape == SHAPE
    assert np.abs(found.data).max() > 1e-5
    assert facts["cubes"] == expected.cubes
    assert facts["cubes_of_fill_value_alone"] == expected.skipped
    assert facts["whole_forward_passes_because"] == ""


def test_each_channel_alone_has_its_own_map(manifest):
    networks, together, facts = run(manifest)
    alone = load(manifest.parent / "map_channels.nii.gz", parts=True)
    assert alone.data.shape == (*SHAPE, 2) and facts["channels"] == ["event", "dose"]
    data = np.load(manifest.parent / "../../caches/s06.npy")[[1, 2]].astype(np.float32)
    for place in (0, 1):
        expected = pure(
            networks, torch.from_numpy(data), brain(), cube=6, stride=4, channels=[place],
            batch_size=5, fill=(0.0, 0.25), precision="fp32",
        progress=lambda *_: None,
        )  # fmt: skip
        np.testing.assert_allclose(alone.data[..., place], expected.change, atol=1e-6)
        assert np.abs(expected.change - together.data).max() > 1e-5


def test_the_map_of_one_channel_is_that_of_this_channel_alone(manifest):
    together = run(manifest, ablation="event")[1]
    alone = manifest.parent / "map_channels.nii.gz"
    np.testing.assert_array_equal(load(alone).data, together.data)
    record = json.loads((manifest.parent / "map.json").read_text())
    digests = {out["path"]: out["digest"] for o in record["outputs"].values() for out in o}
    assert digests[alone.name] == file_digest(alone)


def test_bf16_rounds_the_outputs_and_leaves_the_batch_norms(manifest):
    (single, facts), (half, rounded) = (run(manifest, precision=p)[1:] for p in ("fp32", "bf16"))
    gap = np.abs(single.data - half.data).max()
    assert gap > 1e-7 and (facts["precision"], rounded["precision"]) == ("fp32", "bf16")
    assert gap < 0.2 * np.abs(single.data).max()  # the last layers are not rounded
    network = occlusion_map.in_precision(built(2, stem_stride=2, width=0.125), "bf16")
    assert network.conv1.weight.dtype == torch.bfloat16
    assert network.bn1.running_var.dtype == torch.float32


def test_facts(manifest):
    networks, _, facts = run(manifest)
    data = np.load(manifest.parent / "../../caches/s06.npy")[[1, 2]].astype(np.float32)
    with torch.no_grad():
        rice = [torch.softmax(n(torch.from_numpy(data[None])), 1)[0, 1].item() for n in networks]
    assert list(facts["clean_probability_rice_by_fold"].values()) == pytest.approx(rice, abs=1e-6)
    assert facts["clean_probability_rice"] == pytest.approx(np.mean(rice), abs=1e-6)
    assert facts["predicted"] == ("RICE" if np.mean(rice) > 0.5 else "recurrence")
    assert (facts["cube_voxels"], facts["stride_voxels"], facts["cube_mm"]) == (6, 4, 6.0)
    assert (facts["subject"], facts["split"]) == ("s06", "test")


def test_the_split_of_a_training_subject_is_recorded(manifest):
    assert run(manifest, subject="s01")[2]["split"] == "train"


def test_wrong_inputs_are_refused(manifest):
    with pytest.raises(ValueError, match="not in the manifest"):
        run(manifest, subject="s99")
    folder = manifest.parent
    save(folder / "small.nii.gz", Volume(np.ones((4, 4, 4), np.uint8), AFFINE))
    with pytest.raises(ValueError, match="cropped brain mask"):
        run(manifest, mask="small.nii.gz")
    save(folder / "empty.nii.gz", Volume(np.zeros(SHAPE, np.uint8), AFFINE))
    with pytest.raises(ValueError, match="empty"):
        run(manifest, mask="empty.nii.gz")
    assert not (folder / "map.nii.gz").exists()


def test_lengths_become_at_least_one_voxel():
    assert occlusion_map.voxels(0.2, spacing_mm=1.0) == 1
    assert occlusion_map.voxels(16.0, spacing_mm=1.5) == 11


def test_progress_is_shown_every_ten_seconds(monkeypatch):
    said, clock = [], iter(range(0, 1000, 4))
    monkeypatch.setattr(occlusion_map.time, "monotonic", lambda: float(next(clock)))

    class Job:
        say = staticmethod(said.append)

    progress = occlusion_map.spoken_progress(Job(), "all")
    for done in range(1, 11):  # 4 s each
        progress(done, 10)
    assert [s.split(" ")[0] for s in said] == ["all:"] * 4
    assert [s.split(" ")[1] for s in said] == ["3/10", "6/10", "9/10", "10/10"]
    assert said[0].endswith("28 s left")


def test_whole_forward_passes_are_announced(manifest, monkeypatch, capsys):
    def refuse(network):
        raise NotLocalError("layer 'norm' is not known to be local")

    monkeypatch.setattr(maps, "local_network", refuse)
    facts = run(manifest)[2]
    assert "layer 'norm'" in facts["whole_forward_passes_because"]
    assert "whole forward pass: layer 'norm'" in capsys.readouterr().err
