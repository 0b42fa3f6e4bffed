import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from built_networks import built
from ricenet.networks import folded_convolution, max_pool_gradient, resnet, resnet_stem
from saved_tensors import saved_bytes
from stems import layers, plain, results

SIZES = st.integers(8, 17)


def rewritten(x, conv, norm, folded=True, gather="library"):
    return resnet_stem.Stem(conv, norm, folded=folded, gather=gather)(x)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    batch=st.integers(1, 3),
    channels=st.integers(1, 3),
    shape=st.tuples(SIZES, SIZES, SIZES),
    stride=st.sampled_from([1, 2]),
    signs=st.lists(st.sampled_from([-1.0, 0.0, 1.0]), min_size=3, max_size=3),
    training=st.booleans(),
    empty=st.booleans(),
    limit=st.sampled_from([1, 4 * 8**3, 2**27]),
)
def test_stem_is_the_plain_one(batch, channels, shape, stride, signs, training, empty, limit):
    conv, norm = layers(channels, 3, stride, signs, seed=sum(shape))
    norm.train(training)
    x = torch.randn(batch, channels, *shape, dtype=torch.float64)
    if empty:  # a background of exactly 0: ties in the max-pool
        x[..., : shape[2] // 2] = 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(resnet, "LARGEST_MAP", limit)
        found = results(rewritten, x, conv, norm)
    for name, expected in results(plain, x, conv, norm).items():
        torch.testing.assert_close(found[name], expected, atol=1e-10, rtol=1e-10, msg=name)


def test_network_is_monais(monkeypatch):
    torch.manual_seed(0)
    network = built(2, stem_stride=1, width=0.125).double()
    with torch.no_grad():
        network.bn1.weight.normal_()
    other = copy.deepcopy(network)
    x = torch.randn(2, 2, 20, 18, 16, dtype=torch.float64)
    for one, call in ((network, network), (other, resnet_stem.WithStem(other))):
        logits = call(x)
        logits.square().sum().backward()
        one.logits = logits.detach()
    torch.testing.assert_close(other.logits, network.logits, atol=1e-10, rtol=1e-10)
    for (name, a), b in zip(network.named_parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(b.grad, a.grad, atol=1e-9, rtol=1e-9, msg=name)
    assert list(other.state_dict()) == list(network.state_dict())
    for name, value in network.state_dict().items():
        torch.testing.assert_close(other.state_dict()[name], value, msg=name)
    network.eval()
    other.eval()
    with torch.no_grad():
        torch.testing.assert_close(
            resnet_stem.WithStem(other)(x), network(x), atol=1e-10, rtol=1e-10
        )


def test_the_batch_gets_no_gradient():
    network = built(1, stem_stride=2, width=0.125)
    with pytest.raises(ValueError, match="no gradient"):
        resnet_stem.WithStem(network)(torch.zeros(2, 1, 16, 16, 16, requires_grad=True))


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("size", [12, 13])
def test_folded_convolution_is_the_convolution(stride, size):
    x = torch.randn(2, 3, size, size, size + 1, dtype=torch.float64)
    weight = torch.randn(4, 3, 7, 7, 7, dtype=torch.float64)
    expected = folded_convolution.convolve(x, weight, stride, folded=False)
    dy = torch.randn_like(expected)
    gradient = folded_convolution.weight_gradient(dy, x, weight, stride, folded=False)
    torch.testing.assert_close(
        folded_convolution.convolve(x, weight, stride, folded=True), expected
    )
    found = folded_convolution.weight_gradient(dy, x, weight, stride, folded=True)
    torch.testing.assert_close(found, gradient)


@pytest.mark.parametrize("shape", [(8, 9, 10), (1, 2, 3), (5, 4, 4)])
def test_gather_is_the_librarys_kernel(shape):
    y = torch.randint(0, 4, (2, 9, *shape)).double()  # many ties; more channels than go at once
    gradient = torch.randn_like(torch.nn.functional.max_pool3d(y, 3, 2, 1))
    found, expected = (
        max_pool_gradient.unpool(gradient, y, method=method) for method in ("eager", "library")
    )
    torch.testing.assert_close(found, expected)


def test_a_quarter_of_the_memory_is_kept():
    conv, norm = layers(3, 8, 1, [1.0] * 8, seed=0)
    conv, norm = conv.float(), norm.float()
    x = torch.randn(1, 3, 32, 32, 32)
    ours, theirs = (saved_bytes(lambda f=f: f(x, conv, norm)) for f in (rewritten, plain))
    # input, pooled map, parameters; no full-size map
    assert ours == pytest.approx(4 * (3 * 32**3 + 8 * 16**3 + 8 * 3 * 343), rel=0.01)
    assert ours < theirs / 4


def test_half_precision_is_as_close_as_the_plain_stems():
    conv, norm = layers(3, 8, 1, [1.0, -1.0] * 4, seed=0)
    conv, norm = conv.float(), norm.float()
    x = torch.randn(2, 3, 24, 24, 24)
    exact = results(plain, x, conv, norm)
    with torch.autocast("cpu", torch.bfloat16):
        found, theirs = (results(f, x, conv, norm) for f in (rewritten, plain))
    assert found["output"].dtype == torch.bfloat16 and found["weight"].dtype == torch.float32
    for name, value in exact.items():
        ours, other = ((r[name].float() - value).norm() / value.norm() for r in (found, theirs))
        assert ours < max(0.005, 1.1 * other), (name, ours, other)
