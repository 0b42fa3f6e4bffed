"""Which networks are taken apart, and which are refused, with the reason."""

import pytest
import torch
from torch import nn

from random_networks import Network, rice_net
from ricenet.explain.occlusion.layers import NotLocalError, local_network


class Twice(nn.Module):
    """A layer that changes its input, which is read again afterwards."""

    def __init__(self, *layers):
        super().__init__()
        self.first, self.layers = nn.Conv3d(2, 2, 1), nn.Sequential(*layers)

    def forward(self, x):
        y = self.first(x)
        return self.layers(y) + y


class Branching(nn.Module):
    """Forward depends on the values."""

    def forward(self, x):
        return x if x.sum() > 0 else -x


class Gated(nn.Module):
    """Squeeze and excitation: a global average in the midst."""

    def __init__(self):
        super().__init__()
        self.pool = nn.AdaptiveAvgPool3d(1)

    def forward(self, x):
        return x + self.pool(x)


def hooked():
    module = nn.Conv3d(2, 2, 1)
    module.register_forward_hook(lambda module, args, output: output.flip(2))
    return module


def circular():
    return nn.Conv3d(2, 2, 3, padding=1, padding_mode="circular")


class Own(nn.Conv3d):
    """A subclass may compute anything."""


REFUSED = {
    "InstanceNorm3d": nn.InstanceNorm3d(2, track_running_stats=True),
    "GroupNorm": nn.GroupNorm(1, 2),
    "BatchNorm3d": nn.BatchNorm3d(2, track_running_stats=False),
    "Softmax": nn.Softmax(dim=2),
    "Upsample": nn.Upsample(scale_factor=2),
    "Conv3d": circular(),
    "hooks": hooked(),
    "MaxPool3d": nn.MaxPool3d(2, ceil_mode=True),
    "AvgPool3d": nn.AvgPool3d(3, padding=1, count_include_pad=False),
    "overwrites": Twice(nn.ReLU(inplace=True)),
    "overwrites what": Twice(nn.Identity(), nn.ReLU(inplace=True)),
    "cannot be traced": Branching(),
    "one global average": Gated(),
}


@pytest.mark.parametrize("reason", REFUSED)
def test_refused(reason):
    with pytest.raises(NotLocalError, match=reason):
        local_network(Network([REFUSED[reason]], 2).eval())


def test_subclasses_are_refused():
    Own.__module__ = "torch.nn"  # or the tracer would look inside
    with pytest.raises(NotLocalError, match="Own"):
        local_network(Network([Own(2, 2, 1)], 2).eval())


def test_attention_is_refused():
    class Attention(nn.Module):
        def __init__(self):
            super().__init__()
            self.attention = nn.MultiheadAttention(2, 1)

        def forward(self, x):
            return self.attention(x, x, x)[0]

    with pytest.raises(NotLocalError, match="attention"):
        local_network(Network([Attention()], 2).eval())


def test_values_that_bypass_the_average_are_refused():
    class Bypass(Network):
        def forward(self, x):
            return self.head(torch.flatten(self.pool(self.local(x)), 1)) + x[:, 0, 0, 0, :3]

    with pytest.raises(NotLocalError):
        local_network(Bypass([nn.Conv3d(2, 2, 1)], 2).eval())


def test_in_place_layers_that_harm_nobody_are_let_through():
    assert len(local_network(Network([nn.Conv3d(2, 2, 1), nn.ReLU(inplace=True)], 2)).layers) == 2


@pytest.mark.parametrize("stem_stride", [1, 2])
def test_the_projects_network_in_three_parts(stem_stride):
    net = rice_net(2, stem_stride=stem_stride, width=0.125)
    local = local_network(net)
    volume = torch.randn(2, 2, 16, 17, 18)
    values = {local.volume: volume.clone()}
    with torch.no_grad():
        for layer in local.layers:
            values[layer.name] = layer.whole(*(values[name] for name in layer.inputs))
        found = local.head(values[local.last].mean(dim=(2, 3, 4), keepdim=True))
        torch.testing.assert_close(found, net(volume))
    stem = local.layers[0].window
    assert (stem.kernel, stem.stride, stem.padding) == ((7,) * 3, (stem_stride,) * 3, (3,) * 3)
