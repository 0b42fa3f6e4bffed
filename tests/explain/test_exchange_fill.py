"""A cube that shows another volume, against whole passes of the plain network."""

import numpy as np
import pytest
import torch
from scipy import ndimage

from built_networks import built
from ricenet.explain import exchange_fill
from ricenet.explain.occlusion.maps import occlusion_map

SHAPE = (20, 18, 22)


@pytest.fixture
def case():
    torch.manual_seed(0)
    network = built(2, stem_stride=2, width=0.125).eval()
    return network, torch.randn(2, *SHAPE), torch.randn(2, *SHAPE)


def test_nothing_hidden_is_the_plain_network_and_everything_the_other(case):
    network, own, other = case
    (behind,) = exchange_fill.switched([network], own)
    seen = exchange_fill.with_other(own, other)
    with torch.no_grad():
        assert torch.equal(behind(seen[None]), network(own[None]))
        seen[-1] = exchange_fill.OPEN
        torch.testing.assert_close(behind(seen[None]), network(other[None]))


def test_maps_are_those_of_cubes_that_are_pasted_in(case):
    network, own, other = case
    behind = exchange_fill.switched([network], own)
    found = occlusion_map(
        behind, exchange_fill.with_other(own, other), np.ones(SHAPE, bool), cube=6, stride=6,
        channels=[4], batch_size=7, fill=[exchange_fill.OPEN] * 5, precision="fp32",
        progress=lambda *_: None,
    )  # fmt: skip
    assert found.whole_because == "" and found.skipped == 0
    for place in (0, 7, len(found.places) - 1):
        x, y, z = (slice(a, a + 6) for a in found.places[place])
        pasted = own.clone()
        pasted[:, x, y, z] = other[:, x, y, z]
        with torch.no_grad():
            expected = torch.softmax(network(pasted[None]), dim=1)[0].numpy()
        np.testing.assert_allclose(found.hidden[0, place], expected, atol=1e-6)


def test_doses_are_exchanged_and_images_smoothed():
    rng = np.random.default_rng(0)
    own, donor = rng.random((2, 2, 9, 9, 9))
    found = exchange_fill.other_volume(own, donor, exchanged=[False, True], cube=3)
    np.testing.assert_allclose(found[1], donor[1], rtol=1e-6)
    assert found[0, 4, 4, 4] == pytest.approx(own[0, 3:6, 3:6, 3:6].mean(), rel=1e-5)
    np.testing.assert_allclose(
        found[0], ndimage.uniform_filter(own[0], 3, mode="nearest"), rtol=1e-4
    )
