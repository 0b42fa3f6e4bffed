"""checkpointing: a network computed twice is the network, bit for bit, and is seen once."""

import copy

import pytest
import torch
import torch.nn.functional as F

from built_networks import built
from ricenet.networks import densenet, layer_errors, watched_layer

DENSE = {"network": "densenet121", "stem_stride": 1, "width": 0.125}
SHAPE = (2, 2, 16, 18, 20)


@pytest.fixture
def pair():
    """Two networks of the same weights; the second one's parts are computed twice."""
    torch.manual_seed(0)
    plain = built(2, **DENSE).train()
    other = copy.deepcopy(plain)
    return plain, other, densenet.saving(other, folded=False, gather="library")


def step(call, batch, *, bf16):
    with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
        logits = call(batch)
    F.cross_entropy(logits.float(), torch.tensor([0, 1])).backward()
    return logits


@pytest.mark.parametrize("bf16", [False, True])
def test_outputs_gradients_and_statistics_are_the_plain_ones(pair, bf16):
    plain, other, call = pair
    for seed in range(2):
        batch = torch.randn(SHAPE, generator=torch.Generator().manual_seed(seed))
        assert torch.equal(step(call, batch, bf16=bf16), step(plain, batch, bf16=bf16))
    for (name, a), b in zip(plain.named_parameters(), other.parameters(), strict=True):
        assert a.grad is not None and torch.equal(a.grad, b.grad), name
    for (name, a), b in zip(plain.named_buffers(), other.buffers(), strict=True):
        assert torch.equal(a, b), name
    assert plain.features.norm0.num_batches_tracked == 2
    assert other.features.norm0.momentum == 0.1


def test_predictions_are_the_plain_ones(pair):
    plain, _, call = pair
    batch = torch.randn(SHAPE)
    with torch.no_grad():
        assert torch.equal(call.eval()(batch), plain.eval()(batch))


def test_hooks_are_called_once_and_stay(pair):
    _, other, call = pair
    calls = []
    for layer in (other.features.conv0, other.features.denseblock3.denselayer2.layers.conv2):
        layer.register_forward_hook(lambda *_: calls.append("after"))
        layer.register_forward_pre_hook(lambda *_: calls.append("before"))
    for _ in range(2):
        step(call, torch.randn(SHAPE), bf16=False)
    assert calls == ["before", "after"] * 4


def test_the_gate_sees_each_layer_and_finds_it_right(pair, monkeypatch):
    """The gradient gate's figures are those of the network as it is."""
    monkeypatch.setattr(watched_layer, "dirty_memory", lambda *_: None)  # most of the time
    monkeypatch.setattr(layer_errors, "dirty_memory", lambda *_: None)
    plain, _, call = pair
    batch = layer_errors.smooth_noise(SHAPE)
    found, expected = (
        layer_errors.of_training_step(network, batch, bf16=False, tries=1)
        for network in (call, plain)
    )
    assert found == expected and max(found.values()) < layer_errors.LIMITS["fp32"]
    # 120 convolutions, 121 norms, poolings of the stem, of three transitions and of the whole map,
    # what flattens that, and the last layer
    assert len(found) == 120 + 121 + 1 + 3 + 1 + 1 + 1
