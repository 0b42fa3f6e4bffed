"""The same maps from MONAI's and Captum's occlusion, where settings can be made equal."""

import numpy as np
import torch
from captum.attr import Occlusion
from monai.visualize import OcclusionSensitivity

from random_networks import rice_net
from ricenet.explain.occlusion.maps import occlusion_map

SHAPE, CUBE, STRIDE = (24, 32, 24), 8, 4
EVERYWHERE = np.ones(SHAPE, bool)


def ours(network, volume, *, channels):
    return occlusion_map(
        [network], volume, EVERYWHERE, cube=CUBE, stride=STRIDE, channels=channels, batch_size=8,
        fill=[0.0] * len(volume), precision="fp32", progress=lambda *_: None,
    )  # fmt: skip


def monai(network, volume, *, activate):
    """Probabilities (K, X, Y, Z) under occlusion; ours is their difference to the clean ones."""
    tool = OcclusionSensitivity(
        network, mask_size=CUBE, overlap=1 - STRIDE / CUBE, mode=0.0, n_batch=16, verbose=False,
        activate=activate,
    )  # fmt: skip
    with torch.no_grad():
        return tool(volume[None])[0][0].numpy()


def test_monai_with_several_channels():
    network, volume = rice_net(3, stem_stride=2, width=0.125), torch.randn(3, *SHAPE)
    found = ours(network, volume, channels=[0, 1, 2])
    theirs = monai(network, volume, activate=True)
    expected = found.clean[0, found.predicted] - theirs[found.predicted]
    np.testing.assert_allclose(found.change, expected, atol=1e-6)
    assert np.ptp(expected) > 1e-3


def test_monai_takes_the_sigmoid_of_a_single_channel():
    # it counts the input's channels, not the classes; told to take the softmax it agrees
    network, volume = rice_net(1, stem_stride=2, width=0.125), torch.randn(1, *SHAPE)
    found = ours(network, volume, channels=[0])
    told, left = (monai(network, volume, activate=a) for a in (lambda y: y.softmax(1), True))
    np.testing.assert_allclose(
        found.change, found.clean[0, found.predicted] - told[found.predicted], atol=1e-6
    )
    assert np.abs(left.sum(axis=0) - 1).max() > 1e-2
    np.testing.assert_allclose(told.sum(axis=0), 1, atol=1e-6)


def test_captum():
    network, volume = rice_net(3, stem_stride=2, width=0.125), torch.randn(3, *SHAPE)
    for channels in ([0, 1, 2], [1]):
        found = ours(network, volume, channels=channels)
        deep = len(channels)  # its window covers channels as well; here all, or one after the other
        with torch.no_grad():
            theirs = Occlusion(lambda x: torch.softmax(network(x), dim=1)).attribute(
                volume[None], sliding_window_shapes=(deep, CUBE, CUBE, CUBE),
                strides=(deep, STRIDE, STRIDE, STRIDE), target=found.predicted,
                perturbations_per_eval=16,
            )  # fmt: skip
        np.testing.assert_allclose(found.change, theirs[0, channels[0]], atol=1e-6)
