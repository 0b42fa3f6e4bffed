"""Errors of a network's layers on the device at hand, each against float32.

The network runs as it will run in earnest: its device, shapes, precision, memory format and
rewritten layers. At each layer, output and gradients are compared with those of the same layer in
float32 on the same inputs. So errors do not add up from layer to layer: what is left is the
rounding of one layer, and a wrong kernel stands out by name. torch 2.13 has one: on processors with
AVX-512 and without AMX, the bfloat16 weight gradient of ``Conv3d`` reads memory that was never
written where the map's first axis has an extent of 2.

Tensors are ``(B, C, X, Y, Z)``; a layer's name is that of its module in the network.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from math import prod
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from ricenet.networks.device import any_algorithm, exact_float32, out_of_memory

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
# oneDNN's float32 is held against torch's own convolution, which unrolls so much at once.
UNROLLED_BYTES = 2e9
KEPT_BY_HOST = 8_000_000  # float32 numbers; glibc returns blocks above 32 MB


class Rewritten(nn.Module):
    """A layer that computes some of a network's own in another way."""

    conv: nn.Conv3d

    def plain(self, x: torch.Tensor, *, rounded: torch.dtype | None = None) -> torch.Tensor:
        """Compute the same in single precision, by the network's own layers.

        With ``rounded``, numbers are rounded to that type where the layer itself rounds them.
        Convolutions are those of :func:`convolve_in_slabs`.
        """
        raise NotImplementedError


def relative_error(
    found: torch.Tensor, expected: torch.Tensor, terms: torch.Tensor | None = None
) -> float:
    """Larger of two errors: of the norms, and of the largest elements; infinite if not finite.

    The first sees a small error everywhere, the second a large one in a few elements.

    Parameters
    ----------
    found, expected : tensors of one shape
    terms : tensor
        What ``expected`` is a sum or difference of, in size: where that cancels, what is left is
        rounding, and the error is measured against the terms.
    """
    expected = expected.detach()
    difference = torch.sub(found.detach().to(expected.device), expected)
    norms = [torch.linalg.vector_norm(t) for t in (difference, expected)]
    peaks = [torch.linalg.vector_norm(t, float("inf")) for t in (difference, expected)]
    if terms is not None:
        norms[1] = torch.maximum(norms[1], torch.linalg.vector_norm(terms))
        peaks[1] = torch.maximum(peaks[1], torch.linalg.vector_norm(terms, float("inf")))
    ratios = []
    for error, size in (norms, peaks):
        if not torch.isfinite(error):
            return float("inf")
        ratios.append((error / size).item() if error else 0.0)
    return max(ratios)


def smooth_noise(shape: Sequence[int]) -> torch.Tensor:
    """(B, C, X, Y, Z) float32 noise, smooth and with a background of exact zeros, as images are."""
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


def dirty_memory(device: torch.device, *sizes: int) -> None:
    """Fill memory with NaN and free it: who reads what he has not written gets NaN.

    On a GPU that is all that its allocator has kept: a block of just the right size may hold the
    right result of the try before. A host gives large blocks back to the system, which clears them.
    """
    counts = [*((size, 2) for size in sizes if size <= KEPT_BY_HOST), (300_000, 20)]
    if device.type == "cuda":
        with suppress(RuntimeError):  # another allocator than torch's own tells nothing
            stream = torch.cuda.current_stream(device).cuda_stream
            segments = [s for s in torch.cuda.memory_snapshot() if s["stream"] == stream]
            kept = [block for segment in segments for block in segment["blocks"]]
            counts = [(b["size"] // 4, 1) for b in kept if b["state"] == "inactive"]
    blocks = [
        torch.full((size,), float("nan"), device=device)
        for size, count in counts
        for _ in range(count)
    ]
    del blocks


class Layer:
    """One layer under observation: what it is given, and its largest error so far.

    Parameters
    ----------
    module : nn.Module
        The layer, as it will run.
    repeats : int
        Times that it is run again, each on memory that was dirtied.
    precision : callable
        Context in which the network runs, for the repeats.
    """

    def __init__(self, module: nn.Module, *, repeats: int, precision: Callable[[], Any]) -> None:
        self.module, self.repeats, self.precision = module, repeats, precision
        self.rounded: torch.dtype | None = None
        self.again = copy.deepcopy(module)
        self.plain = copy.deepcopy(module).float()
        self.plain.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
        self.error = 0.0
        self.ran = self.compared = 0
        self.pending: list[Callable[[torch.Tensor | None], None]] = []
        self.expected: list[torch.Tensor] = []
        self.terms: list[torch.Tensor | None] = []
        self.hooks: list[Any] = []

    def watch(self) -> None:
        """Begin; only when every layer has been copied, or the copies would be watched too."""
        self.hooks = [
            self.module.register_forward_pre_hook(self._before),
            self.module.register_forward_hook(self._after),
        ]

    def _before(self, module: nn.Module, inputs: tuple[torch.Tensor, ...]) -> torch.Tensor:
        dirty_memory(inputs[0].device, inputs[0].numel())
        return inputs[0].view_as(inputs[0])  # its gradient is this layer's part alone

    def _after(self, module: nn.Module, inputs: tuple[torch.Tensor, ...], output: Any) -> None:
        given, x = inputs[0], inputs[0].detach()  # hooks that held the former would hold themselves
        self.ran += 1
        self.rounded = None if output.dtype == torch.float32 else output.dtype
        with torch.no_grad():
            expected = self._in_float32(x, None)[0]
            self._note(output, expected)  # now: the activation after it may overwrite it
            for _ in range(self.repeats):  # here: a GPU's kernels are chosen for each thread
                dirty_memory(x.device, x.numel(), output.numel())
                with self.precision():
                    self._note(self.again(x), expected)
        del expected
        upstream: list[torch.Tensor] = []

        def arrived(gradient: torch.Tensor) -> None:
            upstream.append(gradient.detach())
            dirty_memory(x.device, x.numel(), *(p.numel() for p in module.parameters()))

        def finish(downstream: torch.Tensor | None) -> None:
            if upstream:
                self.pending.remove(finish)
                self._compare_gradients(x, upstream.pop(), downstream)

        self.hooks.append(output.register_hook(arrived))
        self.pending.append(finish)
        if given.requires_grad:
            self.hooks.append(given.register_hook(finish))

    def finish(self) -> None:
        """Compare what only the end of the backward pass brings: gradients of the weights."""
        for late in list(self.pending):  # the first layer: nothing flows on to the batch
            late(None)
        weights = zip(self.module.parameters(), self.expected, self.terms, strict=False)
        for parameter, expected, terms in weights:
            found = torch.zeros_like(expected) if parameter.grad is None else parameter.grad
            self._note(found, expected, terms)
        if self.compared != self.ran:  # what was not looked at has not passed
            self.error = float("inf")

    def forget(self) -> None:
        """Let go of the tensors of the step."""
        for hook in self.hooks:
            hook.remove()
        self.hooks.clear()
        self.pending.clear()

    def _compare_gradients(
        self, x: torch.Tensor, upstream: torch.Tensor, downstream: torch.Tensor | None
    ) -> None:
        self.compared += 1
        output, (to_input, *to_weights) = self._in_float32(x, upstream)
        terms = terms_of(self.plain, x, upstream)
        if downstream is not None:
            self._note(downstream, to_input, terms[0])
        wanted = downstream is not None  # the first layer's is computed by no training
        for _ in range(self.repeats):
            self._repeat(x, upstream, output, [to_input, *to_weights], terms, of_input=wanted)
        sizes = terms[1:]
        if self.expected:  # a layer that is used again: its weights get the sum
            to_weights = [a + b for a, b in zip(self.expected, to_weights, strict=True)]
            pairs = zip(self.terms, sizes, strict=True)
            sizes = [None if a is None or b is None else a + b for a, b in pairs]
        self.expected, self.terms = to_weights, sizes

    def _repeat(
        self,
        x: torch.Tensor,
        upstream: torch.Tensor,
        output: torch.Tensor,
        gradients: list[torch.Tensor],
        terms: list[torch.Tensor | None],
        *,
        of_input: bool,
    ) -> None:
        with torch.enable_grad():
            x = x.detach().requires_grad_(of_input)
            wanted = [t for t in (x, *self.again.parameters()) if t.requires_grad]
            dirty_memory(x.device, x.numel(), output.numel())
            with self.precision():
                found = self.again(x)
            self._note(found, output)
            dirty_memory(x.device, x.numel(), *(p.numel() for p in self.again.parameters()))
            again = torch.autograd.grad(found, wanted, upstream.to(found.dtype))
        skipped = len(gradients) - len(again)
        for one, expected, its in zip(again, gradients[skipped:], terms[skipped:], strict=True):
            self._note(one, expected, its)

    def _in_float32(
        self, x: torch.Tensor, upstream: torch.Tensor | None
    ) -> tuple[torch.Tensor, list[torch.Tensor]]:
        """Output, and gradients of input and weights, by the plain layer in float32."""
        try:
            return self._compute(x, upstream, x.device)
        except RuntimeError as error:  # the rewritten stem fits where the plain one does not
            if not out_of_memory(error):
                raise
        torch.cuda.empty_cache()
        return self._compute(x, upstream, torch.device("cpu"))

    def _compute(
        self, x: torch.Tensor, upstream: torch.Tensor | None, device: torch.device
    ) -> tuple[torch.Tensor, list[torch.Tensor]]:
        plain = self.plain.to(device)
        call: Callable[[torch.Tensor], torch.Tensor] = plain
        if isinstance(plain, Rewritten):
            call = partial(plain.plain, rounded=self.rounded)
        elif isinstance(plain, nn.Conv3d):
            call = partial(convolve_in_slabs, weight=plain.weight, bias=plain.bias, like=plain)
        own = self.rounded is None  # bf16 is held against whatever float32 there is
        x = x.detach().to(device, torch.float32, copy=True).contiguous()
        gradient = upstream is not None
        with (
            exact_float32(device, own_kernels=own),
            any_algorithm(),
            torch.set_grad_enabled(gradient),
        ):
            x.requires_grad_(gradient)
            output = call(x)
            if upstream is None:
                return output, []
            wanted = [x, *plain.parameters()]
            upstream = upstream.to(device, torch.float32).contiguous()
            return output.detach(), list(torch.autograd.grad(output, wanted, upstream))

    def _note(
        self, found: torch.Tensor, expected: torch.Tensor, terms: torch.Tensor | None = None
    ) -> None:
        self.error = max(self.error, relative_error(found, expected, terms))


def terms_of(
    module: nn.Module, x: torch.Tensor, upstream: torch.Tensor
) -> list[torch.Tensor | None]:
    """Size of what the gradients of a layer's input and weights are summed from, None if of all.

    A bias's gradient, or that of a norm's factor, is a sum over all voxels, and 0 but for rounding
    where a batch norm follows. That of a batch norm's input is a difference, and nearly 0 where a
    channel has few values.
    """
    upstream = upstream.float()
    channels = torch.linalg.vector_norm(upstream.transpose(0, 1).flatten(1), dim=1)
    of_input = None
    if isinstance(module, nn.BatchNorm3d):
        deviation = x.float().var((0, 2, 3, 4), correction=0).add(module.eps).sqrt().to(upstream)
        of_input = upstream * (module.weight.to(upstream) / deviation).view(1, -1, 1, 1, 1)
    return [of_input, *(channels if p.dim() == 1 else None for p in module.parameters())]


def convolve_in_slabs(
    x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None, *, like: nn.Conv3d
) -> torch.Tensor:
    """Convolve slab by slab along the first axis, so that an unrolled slab fits the memory.

    torch's own convolution on a CPU unrolls its input: every voxel as often as the kernel has
    weights, 90 GB for the first layer of ResNet18 on two volumes of 224^3.

    Parameters
    ----------
    x : (B, C, X, Y, Z) tensor
    weight, bias : tensors
    like : nn.Conv3d
        Kernel, stride and zero padding.
    """
    sizes = zip(x.shape[2:], like.kernel_size, like.dilation, strict=True)
    reach = [(k - 1) * d + 1 for _, k, d in sizes]  # voxels that a kernel spans
    padding = [int(p) for p in like.padding]
    shape = zip(x.shape[2:], reach, padding, like.stride, strict=True)
    planes, *across = ((n + 2 * p - span) // s + 1 for n, span, p, s in shape)
    plane_bytes = 4 * len(x) * x.shape[1] * prod(like.kernel_size) * prod(across)
    at_once = max(1, int(UNROLLED_BYTES // plane_bytes))
    if at_once >= planes or x.device.type != "cpu":
        return F.conv3d(x, weight, bias, like.stride, like.padding, like.dilation, like.groups)
    before, *others = padding
    padded, step = F.pad(x, (0, 0, 0, 0, before, before)), like.stride[0]
    slabs = []
    for first in range(0, planes, at_once):
        last = min(first + at_once, planes) - 1
        slab = padded[:, :, step * first : step * last + reach[0]]
        slabs.append(
            F.conv3d(slab, weight, bias, like.stride, (0, *others), like.dilation, like.groups)
        )
    return torch.cat(slabs, 2)


def of_training_step(
    call: nn.Module, batch: torch.Tensor, *, bf16: bool, tries: int = TRIES
) -> dict[str, float]:
    """Largest relative error of each layer in one step of training, forward and backward.

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
    return {name: layer.error for name, layer in watched.items() if layer.ran}


@torch.no_grad()
def of_convolutions(network: nn.Module, batch: torch.Tensor) -> dict[str, float]:
    """Relative error of each convolution in a forward pass, in the numbers that each computes in.

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
        with exact_float32(output.device):
            weight = torch.einsum("o...,o->...", module.weight.float(), signs)[None]
            bias = None if module.bias is None else (module.bias.float() @ signs)[None]
            expected = F.conv3d(
                inputs[0].float(), weight, bias, module.stride, module.padding, module.dilation
            )
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
    """Layers whose error is above their limit, the worst first."""
    found = {name: error for name, error in errors.items() if not error <= limits[name]}
    return dict(sorted(found.items(), key=lambda pair: -pair[1]))
