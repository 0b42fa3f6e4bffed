"""weights: what is written is read; files of before name no network and predict the same bits."""

import json
from pathlib import Path

import pytest
import torch
from monai.networks.nets import resnet18
from safetensors.torch import load_file, save_file

from built_networks import built
from ricenet.networks import inference, weights

CPU = torch.device("cpu")
METADATA = {"in_channels": 2, "network": "resnet18", "stem_stride": 2, "width": 0.125, "fold": 3}
# Written by the code before networks had families: train_model on the cohort of fake_cohort,
# event-dose, fold 0, 3 epochs, stem_stride 1, width 1/32; and what it predicted for waves().
BEFORE = Path(__file__).parent / "golden" / "resnet18_before_families.safetensors"
PREDICTED = {
    "fp32": [0.5356427431106567, 0.550889790058136, 0.5808734893798828],
    "bf16": [0.5358271598815918, 0.5520567893981934, 0.581303060054779],
}


@pytest.fixture
def network():
    torch.manual_seed(0)
    return built(2, stem_stride=2, width=0.125)


def waves():
    places = torch.arange(3 * 2 * 16 * 18 * 20, dtype=torch.float64)
    return torch.sin(0.37 * places).float().view(3, 2, 16, 18, 20)


def test_round_trip_is_bit_equal(network, tmp_path):
    path = tmp_path / "model.safetensors"
    network(torch.randn(2, 2, 24, 24, 24))  # moves the running statistics
    weights.save_model(path, network, metadata=METADATA)
    loaded, metadata = weights.load_model(path, device=CPU)
    assert metadata == METADATA and not loaded.training
    batch = torch.randn(2, 2, 24, 24, 24)
    with torch.no_grad():
        assert torch.equal(loaded(batch), network.eval()(batch))


def test_files_of_equal_models_are_equal(network, tmp_path):
    for name in ("a", "b"):
        weights.save_model(tmp_path / name, network, metadata=METADATA)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_file_of_before_predicts_as_before(precision):
    loaded, metadata = weights.load_model(BEFORE, device=CPU)
    assert "network" not in metadata and metadata["code"] == "41500c248e6861ed"
    found = inference.probabilities(loaded, waves(), precision=precision)
    expected = torch.tensor(PREDICTED[precision])  # on another processor but for rounding
    torch.testing.assert_close(found[:, 1], expected, atol=1e-6 if precision == "fp32" else 5e-3,
                               rtol=0)  # fmt: skip
    # the network of then, as the code of then built and asked it: the same bits on any processor
    plain = resnet18(
        spatial_dims=3, n_input_channels=2, num_classes=2, conv1_t_size=7, conv1_t_stride=1,
        feed_forward=True, shortcut_type="B", widen_factor=1 / 32,
    ).eval()  # fmt: skip
    plain.load_state_dict(load_file(BEFORE))
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
        logits = plain(waves()).float()
    assert torch.equal(found, torch.softmax(logits, dim=1))


def test_a_file_of_before_is_written_again_as_it_was(tmp_path):
    loaded, metadata = weights.load_model(BEFORE, device=CPU)
    weights.save_model(tmp_path / "again", loaded, metadata=metadata)
    assert (tmp_path / "again").read_bytes() == BEFORE.read_bytes()


def test_a_foreign_file_is_refused(tmp_path, network):
    text = tmp_path / "text.safetensors"
    text.write_text("not a model")
    plain = tmp_path / "plain.safetensors"
    save_file({"a": torch.zeros(1)}, plain)
    short = tmp_path / "short.safetensors"
    weights.save_model(tmp_path / "whole", network, metadata=METADATA)
    tensors = load_file(tmp_path / "whole")
    other = tmp_path / "other.safetensors"
    save_file(tensors, other, metadata={weights.METADATA_KEY: json.dumps([METADATA])})
    wide = tmp_path / "wide.safetensors"
    save_file(tensors, wide, metadata={weights.METADATA_KEY: json.dumps(METADATA | {"width": 1})})
    del tensors["fc.bias"]
    save_file(tensors, short, metadata={weights.METADATA_KEY: json.dumps(METADATA)})
    for path in (text, plain, short, other, wide):
        with pytest.raises(ValueError, match="not a model of this workflow"):
            weights.load_model(path, device=CPU)


def test_a_network_of_a_later_version_is_refused_by_its_name(tmp_path, network):
    path = tmp_path / "later.safetensors"
    weights.save_model(path, network, metadata=METADATA | {"network": "swin"})
    with pytest.raises(ValueError, match=r"later\.safetensors: network 'swin' is unknown .*update"):
        weights.load_model(path, device=CPU)
