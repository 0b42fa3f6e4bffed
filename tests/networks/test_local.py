"""local: what it sees, and that it trains through the real step."""

import pytest
import torch

from built_networks import built
from fake_cohort import TRAIN, make_cohort, train_arguments
from ricenet.networks import weights
from ricenet.train import train_model

OPTIONS = {"network": "local", "stem_stride": 1, "width": 1.0}


@pytest.mark.parametrize(("stem_stride", "voxels"), [(1, 7), (2, 11)])
def test_it_sees_as_many_voxels_as_its_file_says(stem_stride: int, voxels: int) -> None:
    """Without ReLUs and norms every voxel in reach of the last map's middle has a gradient."""
    network = built(1, **{**OPTIONS, "stem_stride": stem_stride})
    blocks = (network.block1, network.block2, network.block3)
    volume = torch.randn(1, 1, 40, 40, 40, requires_grad=True)
    maps = torch.nn.Sequential(*(block[0] for block in blocks))(volume)
    middle = [n // 2 for n in maps.shape[2:]]
    maps[(0, slice(None), *middle)].sum().backward()
    seen = volume.grad[0, 0] != 0
    for axis in range(3):
        assert int(seen.any(dim=[i for i in range(3) if i != axis]).sum()) == voxels


def test_it_has_about_eleven_thousand_weights_and_learns(tmp_path) -> None:
    network = built(1, **OPTIONS, thresholds=(1.5, 2.5, -1.5))
    assert 10_000 < sum(p.numel() for p in network.parameters()) < 13_000
    manifest = make_cohort(tmp_path)
    model = {**OPTIONS, "width": 0.5, "thresholds": [1.5]}
    settings = {**TRAIN, "epochs": 25, "learning_rate": 0.01, "model": model}
    train_model.main(
        train_arguments(manifest, tmp_path / "out", ablation="event", fold=0, settings=settings)
    )
    file = tmp_path / "out" / "model.safetensors"
    loaded, metadata = weights.load_model(file, device=torch.device("cpu"))
    assert metadata["thresholds"] == loaded.thresholds.thresholds == [1.5]
    history = (tmp_path / "out" / "history.tsv").read_text().splitlines()
    losses = [float(line.split("\t")[1]) for line in history[1:]]
    assert losses[-1] < 0.6 * losses[0]
