"""Kernels that are wrong, for tests of what must notice it; and processors with known faults."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

SOURCE = Path(__file__).parents[2] / "src"
# oneDNN's bf16 kernels of processors with AVX-512 and without AMX; the fault is in these
AVX512_KERNELS = {"ONEDNN_MAX_CPU_ISA": "AVX512_CORE_BF16"}
# the reference kernels: no bf16 hardware
AVX2_KERNELS = {"ONEDNN_MAX_CPU_ISA": "AVX2"}


def needs_avx512() -> None:
    """Skip on a processor that cannot run oneDNN's AVX-512 kernels."""
    if torch.backends.cpu.get_cpu_capability() != "AVX512":
        pytest.skip("the processor has no AVX-512: its bf16 kernels are others")


def run_with(limits: dict[str, str], code: str) -> str:
    """Output of Python code in a process of its own; oneDNN reads its limits once a process."""
    environment = os.environ | {"PYTHONPATH": str(SOURCE)} | limits
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        env=environment, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


class _WrongGradient(torch.autograd.Function):
    """The identity, whose gradient is 0 in the first channel."""

    @staticmethod
    def forward(ctx, x, axis):
        ctx.axis = axis
        return x.clone()

    @staticmethod
    def backward(ctx, gradient):
        wrong = gradient.clone()
        wrong.select(ctx.axis, 0).zero_()
        return wrong, None


def half_is_wrong(monkeypatch, layer_channels: int, *, fault: str = "weight", calls=None) -> None:
    """In half precision, 3x3x3 convolutions with so many input channels err in one channel.

    Parameters
    ----------
    fault : {"output", "weight", "downstream"}
        What is wrong: the last plane of the output, and nothing else; the gradient of the weight of
        one output channel; the gradient of one input channel.
    calls : collection of int, optional
        The calls of such a convolution that are wrong, counted from 0 for each layer and its
        copies; all of them.
    """
    right = torch.nn.Conv3d._conv_forward
    counts: dict[bytes, int] = {}

    def wrong(self, x, weight, bias):
        chosen = self.in_channels == layer_channels and self.kernel_size == (3, 3, 3)
        if not chosen or not torch.is_autocast_enabled("cpu"):
            return right(self, x, weight, bias)
        layer = weight.detach().numpy().tobytes()
        call = counts[layer] = counts.get(layer, -1) + 1
        if calls is not None and call not in calls:
            return right(self, x, weight, bias)
        if fault == "weight":
            return right(self, x, _WrongGradient.apply(weight, 0), bias)
        if fault == "downstream":
            return right(self, _WrongGradient.apply(x, 1), weight, bias)
        y = right(self, x, weight, bias)
        lost = y.detach().clone()
        lost[..., -1] = 0
        return y + (lost - y.detach())

    monkeypatch.setattr(torch.nn.Conv3d, "_conv_forward", wrong)


def onednn_is_wrong(monkeypatch, layer_channels: int, kernel: int = 3) -> None:
    """Kernels of oneDNN err, in float32, where a convolution has this size and input channels."""
    right = torch.nn.functional.conv3d

    def wrong(x, weight, *others, **named):
        y = right(x, weight, *others, **named)
        chosen = tuple(weight.shape[1:]) == (layer_channels, *3 * (kernel,))
        return 1.01 * y if chosen and torch._C._get_mkldnn_enabled() else y

    monkeypatch.setattr(torch.nn.functional, "conv3d", wrong)
