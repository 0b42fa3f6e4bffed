import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from ricenet.networks import model

CPU = torch.device("cpu")
METADATA = {"in_channels": 2, "stem_stride": 2, "width": 0.125, "fold": 3}


@pytest.fixture
def network():
    torch.manual_seed(0)
    return model.build(2, stem_stride=2, width=0.125)


def test_shapes_at_width_1():
    with torch.device("meta"):
        network = model.build(3, stem_stride=1, width=1.0)
        shapes = {}
        for name in ("conv1", "maxpool", "layer1", "layer2", "layer3", "layer4", "fc"):
            network.get_submodule(name).register_forward_hook(
                lambda _m, _i, out, name=name: shapes.update({name: tuple(out.shape)})
            )
        network.eval()(torch.zeros(1, 3, 224, 224, 224))
    assert shapes == {
        "conv1": (1, 64, 224, 224, 224),
        "maxpool": (1, 64, 112, 112, 112),
        "layer1": (1, 64, 112, 112, 112),
        "layer2": (1, 128, 56, 56, 56),
        "layer3": (1, 256, 28, 28, 28),
        "layer4": (1, 512, 14, 14, 14),
        "fc": (1, 2),
    }
    # He et al. table 1 with 3D kernels: stem, 4 stages of two blocks, 1x1x1 shortcuts, fc
    assert network.conv1.weight.shape == (64, 3, 7, 7, 7)
    assert sum(isinstance(m, torch.nn.Conv3d) for m in network.modules()) == 1 + 16 + 3


def test_round_trip_is_bit_equal(network, tmp_path):
    path = tmp_path / "model.safetensors"
    network(torch.randn(2, 2, 24, 24, 24))  # moves the running statistics
    model.save_model(path, network, metadata=METADATA)
    loaded, metadata = model.load_model(path, device=CPU)
    assert metadata == METADATA and not loaded.training
    batch = torch.randn(2, 2, 24, 24, 24)
    with torch.no_grad():
        assert torch.equal(loaded(batch), network.eval()(batch))


def test_files_of_equal_models_are_equal(network, tmp_path):
    for name in ("a", "b"):
        model.save_model(tmp_path / name, network, metadata=METADATA)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_foreign_file_is_refused(tmp_path, network):
    text = tmp_path / "text.safetensors"
    text.write_text("not a model")
    plain = tmp_path / "plain.safetensors"
    save_file({"a": torch.zeros(1)}, plain)
    short = tmp_path / "short.safetensors"
    model.save_model(tmp_path / "whole", network, metadata=METADATA)
    weights = load_file(tmp_path / "whole")
    del weights["fc.bias"]
    save_file(weights, short, metadata={model.METADATA_KEY: json.dumps(METADATA)})
    for path in (text, plain, short):
        with pytest.raises(ValueError, match="not a model of this workflow"):
            model.load_model(path, device=CPU)


def test_a_batch_that_does_not_fit_is_halved_until_it_does(network, monkeypatch):
    batch = torch.randn(5, 2, 24, 24, 24)
    network.eval()
    expected = model.logits(network, batch, precision="fp32")
    forward, sizes = type(network).forward, []

    def small_device(self, x):
        sizes.append(len(x))
        if len(x) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return forward(self, x)

    monkeypatch.setattr(type(network), "forward", small_device)
    found = model.logits(network, batch, precision="fp32")
    torch.testing.assert_close(found, expected)
    assert sizes == [5, 3, 2, 1, 2]
    monkeypatch.setattr(
        type(network), "forward", lambda self, x: small_device(self, x.repeat(3, 1, 1, 1, 1))
    )
    with pytest.raises(torch.OutOfMemoryError):
        model.logits(network, batch, precision="fp32")


def test_probabilities_are_softmax(network):
    batch = torch.randn(3, 2, 24, 24, 24)
    network.eval()
    with torch.no_grad():
        found = model.probabilities(network, batch, precision="fp32")
        logits = network(batch).double()
    expected = 1 / (1 + torch.exp(logits[:, 0] - logits[:, 1]))
    torch.testing.assert_close(found[:, 1].double(), expected)
    torch.testing.assert_close(found.sum(1), torch.ones(3))
