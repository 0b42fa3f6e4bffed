"""Small networks of local layers, drawn at random, and the project's own."""

from __future__ import annotations

import math
from typing import Any

import torch
from hypothesis import strategies as st
from torch import nn

from built_networks import built

AXES = 3


class Residual(nn.Module):
    """Two convolutions and a shortcut, which has a convolution of its own if shapes change."""

    def __init__(self, into: int, out: int, *, kernel: tuple[int, ...], stride: int):
        super().__init__()
        padding = tuple(k // 2 for k in kernel)
        self.first = nn.Conv3d(into, out, kernel, stride, padding)
        self.norm = nn.BatchNorm3d(out)
        self.act = nn.ReLU(inplace=True)
        self.second = nn.Conv3d(out, out, kernel, 1, padding, bias=False)
        self.shortcut = nn.Conv3d(into, out, 1, stride) if stride > 1 or into != out else None

    def forward(self, x):
        y = self.second(self.act(self.norm(self.first(x))))
        y += x if self.shortcut is None else self.shortcut(x)
        return self.act(y)


class Network(nn.Module):
    """Local layers, global average, linear."""

    def __init__(self, layers: list[nn.Module], channels: int):
        super().__init__()
        self.local = nn.Sequential(*layers)
        self.pool = nn.AdaptiveAvgPool3d(1)
        self.head = nn.Linear(channels, 3)

    def forward(self, x):
        return self.head(torch.flatten(self.pool(self.local(x)), 1))


def three(low: int, high: int) -> st.SearchStrategy[tuple[int, ...]]:
    return st.tuples(*[st.integers(low, high)] * AXES)


@st.composite
def window(draw, *, half_padding: bool):
    kernel = draw(three(1, 4))
    padding = tuple(draw(st.integers(0, k // 2 if half_padding else k)) for k in kernel)
    return {"kernel_size": kernel, "stride": draw(three(1, 3)), "padding": padding}


@st.composite
def layer(draw, into: int):
    """A layer and its number of output channels."""
    kind = draw(st.sampled_from(["conv", "conv", "residual", "max", "average", "norm"]))
    out = draw(st.integers(1, 4))
    if kind == "conv":
        sizes = draw(window(half_padding=False))
        groups = draw(st.sampled_from([1, math.gcd(into, out)]))
        return nn.Conv3d(into, out, **sizes, dilation=draw(three(1, 2)), groups=groups), out
    if kind == "residual":
        kernel = tuple(2 * k + 1 for k in draw(three(0, 2)))
        return Residual(into, out, kernel=kernel, stride=draw(st.integers(1, 3))), out
    if kind == "max":
        sizes = draw(window(half_padding=True))
        return nn.MaxPool3d(**sizes, dilation=draw(st.integers(1, 2))), into
    if kind == "average":
        return nn.AvgPool3d(**draw(window(half_padding=True))), into
    return nn.Sequential(nn.BatchNorm3d(into), nn.LeakyReLU(0.1)), into


@st.composite
def network(draw, *, in_channels: int, shape: tuple[int, ...]):
    """Up to five layers; those that would leave nothing of the volume are left out."""
    torch.manual_seed(draw(st.integers(0, 2**31)))
    layers, channels, probe = [], in_channels, torch.zeros(1, in_channels, *shape)
    for _ in range(draw(st.integers(1, 5))):
        candidate, out = draw(layer(channels))
        try:
            probe = candidate.eval()(probe)
        except (RuntimeError, ValueError):
            continue
        layers.append(candidate)
        channels = out
    return lively(Network(layers, channels))


def lively(net: nn.Module) -> nn.Module:
    """Batch norms with statistics and factors of a trained network; negative factors among them."""
    for module in net.modules():
        if isinstance(module, nn.BatchNorm3d):
            module.running_mean.normal_(0, 0.3)
            module.running_var.uniform_(0.5, 2)
            nn.init.normal_(module.weight, 0.7, 0.6)
            nn.init.normal_(module.bias, 0, 0.3)
    return net.eval()


def rice_net(in_channels: int, *, seed: int = 0, **options: Any) -> nn.Module:
    """Return one of the project's networks, untrained; ResNet18 without further options."""
    torch.manual_seed(seed)
    return lively(built(in_channels, **options))
