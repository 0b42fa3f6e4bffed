import numpy as np
import pytest
import torch
from torch import nn

from built_networks import built
from ricenet.explain import random_networks


@pytest.fixture
def case():
    torch.manual_seed(0)
    network = built(2, stem_stride=2, width=0.125)
    with torch.no_grad():  # as if it had learned something
        for p in network.parameters():
            p.add_(0.01)
    return network.eval(), 3 * torch.randn(4, 2, 16, 16, 16) + 5


def test_untrained_is_another_network_of_the_same_kind(case):
    network, volumes = case
    before = {name: w.clone() for name, w in network.state_dict().items()}
    one, again, two = (random_networks.untrained(network, volumes, seed=s) for s in (1, 1, 2))
    assert all(torch.equal(w, before[name]) for name, w in network.state_dict().items())
    assert not one.training and type(one) is type(network)
    weights = [n.state_dict()["conv1.weight"] for n in (one, again, two, network)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2]) and not torch.equal(weights[0], weights[3])


def test_its_outputs_depend_on_the_input(case):
    """Batch norms that know nothing of the scale would let the first volume's level through."""
    network, volumes = case
    made = random_networks.untrained(network, volumes, seed=1)
    seen = []
    made.bn1.register_forward_hook(lambda _, __, output: seen.append(output.clone()))
    with torch.no_grad():
        outputs = made(volumes)
    assert outputs.std(dim=0).max() > 1e-3
    middle, spread = seen[0].mean(dim=(0, 2, 3, 4)), seen[0].var(dim=(0, 2, 3, 4))
    np.testing.assert_allclose(middle, 0, atol=0.02)
    np.testing.assert_allclose(spread, 1, atol=0.05)


def test_statistics_are_the_means_over_the_volumes():
    norm = nn.Sequential(nn.BatchNorm3d(1))
    volumes = torch.randn(5, 1, 4, 4, 4) * torch.tensor([1.0, 2, 3, 4, 5]).view(5, 1, 1, 1, 1)
    random_networks.calibrated(norm, volumes)
    middle = np.mean([v.mean().item() for v in (volumes[:3], volumes[3:])])
    assert norm[0].running_mean.item() == pytest.approx(middle, abs=1e-5)
    expected = np.mean([v.var().item() for v in (volumes[:3], volumes[3:])])
    assert norm[0].running_var.item() == pytest.approx(expected, rel=1e-5)
    assert norm[0].momentum == 0.1


def test_the_cascade_begins_at_the_last_layer_and_ends_at_random(case):
    network, volumes = case
    random = random_networks.untrained(network, volumes, seed=3)
    made = dict(random_networks.cascade(network, random, volumes))
    names = list(made)
    assert names[0] == "fc" and names[-1] == "conv1" and len(names) > 4
    first = made["fc"].state_dict()
    assert torch.equal(first["conv1.weight"], network.state_dict()["conv1.weight"])
    assert torch.equal(first["fc.weight"], random.state_dict()["fc.weight"])
    with torch.no_grad():
        torch.testing.assert_close(made["conv1"](volumes), random(volumes))
