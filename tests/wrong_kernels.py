"""Kernels that are wrong, for tests of what must notice it; and processors with known faults."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

SOURCE = Path(__file__).parents[1] / "src"
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


class _WrongWeightGradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx, weight):
        return weight.clone()

    @staticmethod
    def backward(ctx, gradient):
        wrong = gradient.clone()
        wrong[:1] = 0
        return wrong


def half_is_wrong(monkeypatch, layer_channels: int, *, gradient: bool) -> None:
    """In half precision, 3x3x3 convolutions with so many input channels err in one channel.

    With ``gradient`` their output is right, and the gradient of the weight of one output channel is
    lost; else the last plane of the output is.
    """
    right = torch.nn.Conv3d._conv_forward

    def wrong(self, x, weight, bias):
        chosen = self.in_channels == layer_channels and self.kernel_size == (3, 3, 3)
        if not chosen or not torch.is_autocast_enabled("cpu"):
            return right(self, x, weight, bias)
        if gradient:
            return right(self, x, _WrongWeightGradient.apply(weight), bias)
        y = right(self, x, weight, bias).clone()
        y[..., -1] = 0
        return y

    monkeypatch.setattr(torch.nn.Conv3d, "_conv_forward", wrong)
