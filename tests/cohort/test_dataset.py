import numpy as np
import pandas as pd
import pytest
import torch

from fake_cohort import CHANNELS, SHAPE, make_cohort
from ricenet.cohort import dataset, loading

CPU = torch.device("cpu")


@pytest.fixture
def manifest(tmp_path):
    return make_cohort(tmp_path, train=4, test=1, folds=2)


def load(manifest, places=(0, 1, 2)):
    table, facts = dataset.read_manifest(manifest)
    return loading.load_cohort(table, facts, places=places, device=CPU)


def test_manifest(manifest):
    table, facts = dataset.read_manifest(manifest)
    assert list(table.columns) == list(dataset.COLUMNS)
    assert facts.channels == tuple(CHANNELS) and facts.shape == SHAPE
    assert table.loc["s04", "split"] == "test" and table.loc["s04", "fold"] == -1
    assert all(np.load(path).shape == (3, *SHAPE) for path in table["cache"])


def test_ids_stay_text(manifest):
    manifest.write_text(manifest.read_text().replace("s00\t", "007\t").replace("s01\t", "NA\t"))
    table, _ = dataset.read_manifest(manifest)
    assert list(table.index[:2]) == ["007", "NA"]


def test_channels_come_in_the_asked_order(manifest):
    table, _ = dataset.read_manifest(manifest)
    volumes = load(manifest, places=(2, 0))
    assert volumes.shape == (5, 2, *SHAPE) and volumes.dtype == torch.float16
    for i, path in enumerate(table["cache"]):
        assert np.array_equal(volumes[i].numpy(), np.load(path)[[2, 0]])


def test_one_flipped_bit_is_caught(manifest):
    path = manifest.parent / "../../caches/s02.npy"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match="subject s02: the cache has changed"):
        load(manifest)


@pytest.mark.parametrize("change", ["dtype", "shape"])
def test_another_type_or_shape_is_refused(manifest, change):
    table, facts = dataset.read_manifest(manifest)
    path = manifest.parent / "../../caches/s01.npy"
    data = np.load(path)
    np.save(path, data.astype(np.float32) if change == "dtype" else data[:, :-1])
    table.loc["s01", "digest"] = dataset.digests.bytes_digest(path)
    with pytest.raises(ValueError, match="subject s01: the cache is float"):
        loading.load_cohort(table, facts, places=(0,), device=CPU)


def test_pickled_caches_are_refused(manifest):
    table, facts = dataset.read_manifest(manifest)
    path = manifest.parent / "../../caches/s01.npy"
    np.save(path, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    table.loc["s01", "digest"] = dataset.digests.bytes_digest(path)
    with pytest.raises(ValueError):
        loading.load_cohort(table, facts, places=(0,), device=CPU)


def test_broken_manifests_are_refused(manifest):
    table = pd.read_csv(manifest, sep="\t")
    table.drop(columns="digest").to_csv(manifest, sep="\t", index=False)
    with pytest.raises(ValueError, match="digest"):
        dataset.read_manifest(manifest)
    pd.concat([table, table[:1]]).to_csv(manifest, sep="\t", index=False)
    with pytest.raises(ValueError, match="s00"):
        dataset.read_manifest(manifest)
    table.to_csv(manifest, sep="\t", index=False)
    manifest.with_suffix(".json").write_text('{"facts": {"channels": []}}')
    with pytest.raises(ValueError, match="spacing_mm"):
        dataset.read_manifest(manifest)


def test_subjects_keep_their_labels(manifest):
    table, facts = dataset.read_manifest(manifest)
    found = loading.load_subjects(table[::-1], facts, places=(1,), device=CPU)
    assert found.names == list(table["subject"])[::-1]
    assert found.labels.tolist() == list(table["label"])[::-1]
    assert torch.equal(found.volumes, load(manifest, places=(1,)).flip(0))


def test_places_of_an_ablation(manifest):
    _, facts = dataset.read_manifest(manifest)
    assert facts.places("postop-dose") == (0, 2)
    with pytest.raises(ValueError, match="dose-postop"):
        facts.places("dose-postop")
