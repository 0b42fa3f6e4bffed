"""inference: one way to ask any network, in the precision asked for, in halves if need be."""

import pytest
import torch
from torch import nn

from built_networks import built
from ricenet.networks import inference


@pytest.fixture
def network():
    torch.manual_seed(0)
    return built(2, stem_stride=2, width=0.125).eval()


def test_a_batch_that_does_not_fit_is_halved_until_it_does(network, monkeypatch):
    batch = torch.randn(5, 2, 24, 24, 24)
    expected = inference.logits(network, batch, precision="fp32")
    forward, sizes = type(network).forward, []

    def small_device(self, x):
        sizes.append(len(x))
        if len(x) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return forward(self, x)

    monkeypatch.setattr(type(network), "forward", small_device)
    found = inference.logits(network, batch, precision="fp32")
    torch.testing.assert_close(found, expected)
    assert sizes == [5, 3, 2, 1, 2]
    monkeypatch.setattr(
        type(network), "forward", lambda self, x: small_device(self, x.repeat(3, 1, 1, 1, 1))
    )
    with pytest.raises(torch.OutOfMemoryError):
        inference.logits(network, batch, precision="fp32")


def test_probabilities_are_softmax(network):
    batch = torch.randn(3, 2, 24, 24, 24)
    with torch.no_grad():
        found = inference.probabilities(network, batch, precision="fp32")
        logits = network(batch).double()
    expected = 1 / (1 + torch.exp(logits[:, 0] - logits[:, 1]))
    torch.testing.assert_close(found[:, 1].double(), expected)
    torch.testing.assert_close(found.sum(1), torch.ones(3))


class Asked(nn.Module):
    """Notes in which numbers it is asked."""

    def forward(self, volumes):
        self.numbers = (volumes @ volumes).dtype
        return volumes[:, 0, 0, 0, :2]


@pytest.mark.parametrize(
    ("precision", "numbers"),
    [("fp32", torch.float32), ("tf32", torch.float32), ("bf16", torch.bfloat16),
     ("stored", torch.float32)],
)  # fmt: skip
def test_the_precision_is_the_callers(precision, numbers):
    network = Asked()
    found = inference.logits(network, torch.ones(1, 1, 4, 4, 4), precision=precision)
    assert network.numbers == numbers and found.dtype == torch.float32


def test_no_autocast_around_reaches_a_network_in_float32():
    network = Asked()
    with torch.autocast("cpu", torch.bfloat16):
        inference.logits(network, torch.ones(1, 1, 4, 4, 4), precision="fp32")
    assert network.numbers == torch.float32


def test_a_precision_that_is_none_is_refused():
    with pytest.raises(ValueError, match="precision 'fp64' is none of"):
        inference.logits(Asked(), torch.ones(1, 1, 4, 4, 4), precision="fp64")


class WithAge(nn.Module):
    def forward(self, volumes, clinical=None):
        return volumes.mean((1, 2, 3, 4))[:, None] + clinical


def test_clinical_variables_reach_a_network_that_takes_them():
    clinical = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    found = inference.logits(WithAge(), torch.zeros(2, 1, 4, 4, 4), clinical, precision="fp32")
    assert torch.equal(found, clinical)


@pytest.mark.parametrize("name", ["resnet18", "densenet121", "local"])
def test_clinical_variables_are_refused_by_a_network_of_volumes(name):
    network = built(1, stem_stride=1, width=0.125, network=name).eval()
    volumes = torch.zeros(2, 1, 16, 16, 16)
    with pytest.raises(ValueError, match=r"takes volumes alone, no clinical variables"):
        inference.logits(network, volumes, torch.zeros(2, 3), precision="fp32")
    with torch.no_grad():
        assert torch.equal(network(volumes), network(volumes, clinical=None))
