"""instance_norm: the norm of HD-BET in channels-last memory."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from ricenet.preprocess import instance_norm
from ricenet.preprocess.instance_norm import InstanceNorm, moments, replace_instance_norms


def norm_of(channels: int) -> nn.InstanceNorm3d:
    torch.manual_seed(3)
    norm = nn.InstanceNorm3d(channels, affine=True).eval()
    nn.init.normal_(norm.weight)
    nn.init.normal_(norm.bias)
    return norm


def volume_of(channels: int, *, offset: float = 0.0) -> torch.Tensor:
    found = torch.from_numpy(np.random.default_rng(4).normal(offset, 2, (1, channels, 9, 7, 8)))
    return found.float().contiguous(memory_format=torch.channels_last_3d)


@pytest.mark.parametrize("values", [250, 1 << 18])
@pytest.mark.parametrize("memory", [torch.channels_last_3d, torch.contiguous_format])
@torch.inference_mode()
def test_as_torch_in_double_precision(values: int, memory, monkeypatch) -> None:
    """However many voxels are summed at once, and wherever they lie in memory."""
    monkeypatch.setattr(instance_norm, "AT_ONCE", values)
    norm, volume = norm_of(5), volume_of(5, offset=30).contiguous(memory_format=memory)
    expected = norm.double()(volume.double())
    found = InstanceNorm(norm)(volume)
    assert found.is_contiguous(memory_format=torch.channels_last_3d) or memory != (
        torch.channels_last_3d
    )
    np.testing.assert_allclose(found.numpy(), expected.numpy(), atol=1e-4)


@torch.inference_mode()
def test_statistics_of_bfloat16_are_single_precision() -> None:
    """Summed in bfloat16, a mean of many voxels would stop growing at 256 times a value."""
    volume = torch.full((1, 1, 16, 16, 16), 1.0, dtype=torch.bfloat16)
    mean, variance = moments(volume)
    assert (mean.dtype, mean.item(), variance.item()) == (torch.float32, 1.0, 0.0)
    assert InstanceNorm(norm_of(1))(volume).dtype == torch.bfloat16


@torch.inference_mode()
def test_every_norm_of_a_network_is_replaced() -> None:
    inner = nn.Sequential(nn.Conv3d(3, 3, 1), norm_of(3))
    network = nn.Sequential(norm_of(3), inner, nn.ReLU())
    volume = volume_of(3)
    expected = network(volume)
    replace_instance_norms(network)
    assert not any(isinstance(m, nn.InstanceNorm3d) for m in network.modules())
    np.testing.assert_allclose(network(volume).numpy(), expected.numpy(), atol=1e-5)
