"""Errors of a network's layers on the device at hand, each against float32.

The network runs as in the real run: its device, shapes, precision, memory format and
rewritten layers. At each layer, output and gradients are compared with those of the same layer in
float32 on the same inputs. So errors do not add up from layer to layer: what is left is the
rounding of one layer, and a wrong kernel stands out by name. torch 2.13 has one: on processors with
AVX-512 and without AMX, the bfloat16 weight gradient of ``Conv3d`` reads memory that was never
written where the map's first axis has an extent of 2.

Not checked are operations that are not modules, such as sums of branches, and element-wise ones,
such as ReLU: :data:`SKIPPED`.

Tensors are ``(B, C, X, Y, Z)``; a layer's name is that of its module in the network.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import partial

import torch
import torch.nn.functional as F
from torch import nn

from ricenet.networks.device import exact_float32
from ricenet.networks.float32_reference import Rewritten, convolve_in_slabs, relative_error
from ricenet.networks.watched_layer import Layer, dirty_memory

# Largest relative error of a layer, by the numbers that its convolutions multiply. Rounding makes
# 4e-3 in bf16 where sums are kept in float32, 2e-2 in oneDNN's kernels for processors without bf16;
# TF32 has three bits more; float32 has 1e-6 to 5e-5, growing with the number of voxels (at 224^3).
LIMITS = {"bf16": 5e-2, "tf32": 2e-3, "fp32": 1e-3}
# The rewritten stem decides: which voxel of a window is the largest, and whether that is above 0.
# Where two are equal to rounding it may decide otherwise than the plain one, and the gradient goes
# there: 1.3e-3 for one window in 4e5, more in a tiny volume.
STEM_LIMITS = {"bf16": 5e-2, "tf32": 5e-2, "fp32": 2e-2}
TRIES = 3
NOISE_SEED = 20260615  # any number would do
# Element by element, in place, and one module may serve several places.
SKIPPED = (nn.ReLU, nn.LeakyReLU, nn.Identity, nn.Dropout, nn.Dropout3d)


def smooth_noise(shape: Sequence[int]) -> torch.Tensor:
    """Draw (B, C, X, Y, Z) float32 noise, smooth, with a background of exact zeros, like images."""
    generator = torch.Generator().manual_seed(NOISE_SEED)
    coarse = torch.randn((*shape[:2], *(-(-n // 4) for n in shape[2:])), generator=generator)
    noise = F.interpolate(coarse, size=tuple(shape[2:]), mode="trilinear")
    noise[..., : shape[-1] // 8] = 0
    return noise


def layers(network: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Yield the layers that compute something inexact, each with its name."""
    for name, module in network.named_modules():
        leaf = not any(True for _ in module.children())
        if isinstance(module, Rewritten) or (leaf and not isinstance(module, SKIPPED)):
            yield name.removeprefix("network."), module


def of_training_step(
    call: nn.Module, batch: torch.Tensor, *, bf16: bool, tries: int = TRIES
) -> dict[str, float]:
    """Return each layer's largest relative error in one training step, forward and backward.

    Parameters
    ----------
    call : nn.Module
        From a batch to (B, 2) logits. It gets gradients, and its running statistics are moved: not
        the network that is going to be trained.
    batch : (B, C, X, Y, Z) float32 tensor
    bf16 : bool
        Whether the step runs under autocast.
    tries : int
        Times that each layer is computed, on memory that was dirtied.
    """

    def precision() -> torch.autocast:
        return torch.autocast(batch.device.type, torch.bfloat16, enabled=bf16)

    watched = {
        name: Layer(module, repeats=tries - 1, precision=precision) for name, module in layers(call)
    }
    try:
        for layer in watched.values():
            layer.watch()
        with precision():
            logits = call(batch)
        labels = torch.arange(len(batch), device=batch.device) % 2
        F.cross_entropy(logits.float(), labels).backward()
        for layer in watched.values():
            layer.finish()
    finally:
        for layer in watched.values():
            layer.forget()
    ran = {name: layer for name, layer in watched.items() if layer.ran}
    if all(math.isfinite(layer.error) for layer in ran.values()):  # then no layer is at fault
        return {n: math.inf if layer.spoilt else layer.error for n, layer in ran.items()}
    return {name: layer.error for name, layer in ran.items()}


@torch.no_grad()
def of_convolutions(network: nn.Module, batch: torch.Tensor) -> dict[str, float]:
    """Return each convolution's relative error in a forward pass, in its own number format.

    Every output voxel is looked at, and the reference takes one channel's time: the sum of the
    output channels with random signs is the convolution with the sum of the weights (Freivalds'
    check of a product of matrices).
    """
    errors: dict[str, float] = {}
    generator = torch.Generator().manual_seed(0)

    def compare(
        name: str, module: nn.Module, inputs: tuple[torch.Tensor, ...], output: torch.Tensor
    ) -> None:
        assert isinstance(module, nn.Conv3d)
        signs = torch.randint(0, 2, (module.out_channels,), generator=generator) * 2.0 - 1
        signs = signs.to(output.device)
        own = output.is_cuda or output.dtype == torch.float32  # see Layer: nothing against itself
        with exact_float32(output.device, own_kernels=own):
            weight = torch.einsum("o...,o->...", module.weight.float(), signs)[None]
            bias = None if module.bias is None else (module.bias.float() @ signs)[None]
            expected = convolve_in_slabs(inputs[0].float(), weight, bias, like=module)
            found = output.movedim(1, -1).float() @ signs
        error = relative_error(found, expected[:, 0], terms=output.float())
        errors[name] = max(errors.get(name, 0.0), error)

    hooks = [
        module.register_forward_hook(partial(compare, name))
        for name, module in network.named_modules()
        if isinstance(module, nn.Conv3d)
    ]
    dirty_memory(batch.device, batch.numel())
    network(batch)
    for hook in hooks:
        hook.remove()
    return errors


def excessive(errors: dict[str, float], limits: dict[str, float]) -> dict[str, float]:
    """Return the layers whose error is above their limit, the worst first."""
    found = {name: error for name, error in errors.items() if not error <= limits[name]}
    return dict(sorted(found.items(), key=lambda pair: -pair[1]))
