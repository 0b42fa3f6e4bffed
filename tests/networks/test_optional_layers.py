"""optional_layers: each layer against a naive formula; each option in each network."""

import numpy as np
import pytest
import torch

from built_networks import built, model_of
from fake_cohort import train_settings
from ricenet.config.train import TrainModel
from ricenet.networks import build, layer_errors
from ricenet.networks.optional_layers import GeneralisedMean, Thresholds, TopMean
from ricenet.provenance.steps import NETWORKS


@pytest.mark.parametrize("exponent", [1.0, 3.0, 40.0])
def test_the_generalised_mean_lies_between_mean_and_maximum(exponent: float) -> None:
    maps = torch.rand(2, 3, 4, 5, 6)
    values = maps.numpy().astype(np.float64)
    expected = (values**exponent).mean(axis=(2, 3, 4)) ** (1 / exponent)
    np.testing.assert_allclose(GeneralisedMean(exponent, floor=1e-4)(maps), expected, rtol=1e-4)
    mean, largest = values.mean(axis=(2, 3, 4)), values.max(axis=(2, 3, 4))
    assert (expected >= mean - 1e-9).all() and (expected <= largest).all()


def test_a_thresholds_channel_holds_what_is_beyond_it() -> None:
    volumes = torch.randn(1, 2, 3, 4, 5)
    found = Thresholds([1.0, -0.5], gain=4.0)(volumes)
    x = volumes.numpy()
    expected = np.concatenate(
        [x, np.where(x > 1, 4 * (x - 1), 0), np.where(x < -0.5, 4 * (-0.5 - x), 0)], axis=1
    )
    assert found.shape == (1, 6, 3, 4, 5)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("shape", "largest"), [((3, 4, 5), 3), ((2, 1, 2), 1)])
def test_top_k_is_the_mean_of_the_largest_twentieth(shape, largest) -> None:
    maps = torch.randn(2, 3, *shape)
    values = np.sort(maps.numpy().reshape(2, 3, -1), axis=2)[..., -largest:]
    np.testing.assert_allclose(TopMean()(maps), values.mean(axis=2), rtol=1e-5)


def test_an_instance_norm_makes_samples_independent_in_training() -> None:
    torch.manual_seed(0)
    volumes = torch.randn(3, 1, 33, 34, 66)  # no network leaves one voxel of it
    for network in NETWORKS:
        for norm, alone in (("instance", True), ("batch", False)):
            net = built(1, network=network, stem_stride=2, width=0.125, norm=norm).train()
            together, first = net(volumes), net(volumes[:1])
            assert torch.allclose(together[:1], first, atol=1e-4) == alone, (network, norm)


@pytest.mark.parametrize("network", NETWORKS)
def test_every_option_is_in_every_network(network) -> None:
    options = {
        "stem_kernel": 5, "thresholds": [1.0, -1.0], "pooling": "top_k", "dropout": 0.4,
    }  # fmt: skip
    net = built(2, network=network, stem_stride=2, width=0.125, **options)
    convolution = next(m for m in net.modules() if isinstance(m, torch.nn.Conv3d))
    assert convolution.weight.shape[1:] == (6, 5, 5, 5) and convolution.stride == (2, 2, 2)
    assert [m.p for m in net.modules() if isinstance(m, torch.nn.Dropout)] == [0.4]
    assert any(isinstance(m, TopMean) for m in net.modules())
    model = model_of(network, stem_stride=2, width=0.125, **options)
    plain, volumes = net.eval(), torch.randn(1, 2, 33, 34, 35)
    saving = build.family(network).saving(net, folded=False, gather="library").eval()
    torch.testing.assert_close(saving(volumes), plain(volumes), atol=1e-4, rtol=1e-4)
    assert build.saving_form(model) == build.family(network).SAVING


GATED = [
    {"network": "local", "thresholds": [1.0, -1.0], "dropout": 0.3},
    {"network": "local", "norm": "instance", "pooling": "top_k", "stem_kernel": 5},
    {"thresholds": [1.0], "stem_kernel": 3, "pooling": "generalised_mean"},
    {"norm": "instance", "thresholds": [1.0]},
]


@pytest.mark.parametrize("bf16", [False, True])
@pytest.mark.parametrize("options", GATED, ids=str)
def test_the_gradient_gate_sees_every_layer_and_finds_it_right(options, bf16) -> None:
    torch.manual_seed(0)
    model = model_of(width=0.125, **options)
    plain = build.build(model, 2).train()
    parts = build.family(model.network).saving(
        build.build(model, 2).train(), folded=bf16, gather="library"
    )
    kind = "bf16" if bf16 else "fp32"
    batch = layer_errors.smooth_noise((2, 2, 34, 20, 24))
    for network in (plain, parts):
        errors = layer_errors.of_training_step(network, batch, bf16=bf16, tries=1)
        limits = dict.fromkeys(errors, layer_errors.LIMITS[kind])
        limits["stem"] = layer_errors.STEM_LIMITS[kind]
        assert not layer_errors.excessive(errors, limits)
        parts_of = [name for name, _ in layer_errors.layers(network) if name in errors]
        assert parts_of == [*errors] and any("fc" in name for name in errors)


def test_what_does_not_go_together_is_refused() -> None:
    with pytest.raises(ValueError, match="a threshold stands twice"):
        model_of(thresholds=[1.0, 1.0])
    settings = train_settings().model_dump()
    settings |= {"norm_statistics": "recomputed", "model": model_of(norm="instance").model_dump()}
    with pytest.raises(ValueError, match="norm_statistics recomputed is of batch norms"):
        TrainModel.model_validate(settings)
