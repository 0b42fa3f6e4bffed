"""The stem of a network by its own layers, in double precision."""

from __future__ import annotations

import copy

import torch
from torch import nn


def plain(x, conv, norm):
    return torch.nn.functional.max_pool3d(norm(conv(x)).relu(), 3, 2, 1)


def layers(channels, maps, stride, signs, seed):
    torch.manual_seed(seed)
    conv = nn.Conv3d(channels, maps, 7, stride=stride, padding=3, bias=False).double()
    norm = nn.BatchNorm3d(maps).double()
    with torch.no_grad():
        norm.weight.copy_(torch.tensor(signs) * (0.2 + torch.rand(maps)))
        norm.bias.normal_(std=0.3)
        norm.running_mean.normal_(std=0.1)
        norm.running_var.uniform_(0.5, 2.0)
    return conv, norm


def results(function, x, conv, norm):
    conv, norm = copy.deepcopy(conv), copy.deepcopy(norm)
    found = function(x, conv, norm)
    upper = torch.randn(found.shape, dtype=found.dtype, generator=torch.Generator().manual_seed(3))
    (found * upper).sum().backward()
    return {
        "output": found.detach(),
        "weight": conv.weight.grad,
        "gamma": norm.weight.grad,
        "beta": norm.bias.grad,
        **{name: value.double() for name, value in norm.named_buffers()},
    }
