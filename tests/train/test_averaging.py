"""averaging: the average is the formula's, and what validates and predicts."""

import numpy as np
import torch

from ricenet.train.averaging import average_of, counted


def test_the_average_is_that_of_the_formula_and_leaves_the_weights_alone() -> None:
    network = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
    average = average_of(network, 0.75)
    taken = []
    for step in range(4):
        with torch.no_grad():
            network[0].weight += step + 1.0
            network[1].running_mean += 0.5 * step
        average.update_parameters(network)
        taken.append([t.numpy().copy() for t in (network[0].weight.data, network[1].running_mean)])
    for place, found in enumerate((average.module[0].weight, average.module[1].running_mean)):
        expected = taken[0][place].astype(np.float64)
        for now in taken[1:]:
            expected = 0.75 * expected + 0.25 * now[place]
        np.testing.assert_allclose(found.detach(), expected, rtol=1e-6, atol=1e-6)
    assert torch.equal(network[0].weight.data, torch.from_numpy(taken[-1][0]))
    assert counted(network, average) is average.module


def test_without_it_the_network_itself_counts() -> None:
    network = torch.nn.Linear(3, 2)
    assert average_of(network, 0.0) is None and counted(network, None) is network
