"""One layer under observation, during a step of training of the network that it belongs to.

Tensors are ``(B, C, X, Y, Z)``.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import torch
from torch import nn

from ricenet.networks.device import any_algorithm, exact_float32, out_of_memory
from ricenet.networks.float32_reference import (
    Rewritten,
    convolve_in_slabs,
    relative_error,
    terms_of,
)

KEPT_BY_HOST = 8_000_000  # float32 numbers; glibc returns blocks above 32 MB


def dirty_memory(device: torch.device, *sizes: int) -> None:
    """Fill memory with NaN and free it: a kernel that reads uninitialised memory gets NaN.

    On a GPU that is all that its allocator has kept: a block of just the right size may hold the
    right result of the try before. A host gives large blocks back to the system, which clears them.
    """
    counts = [*((size, 2) for size in sizes if size <= KEPT_BY_HOST), (300_000, 20)]
    if device.type == "cuda":
        with suppress(RuntimeError):  # another allocator than torch's own reports nothing
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

    Where its input is NaN or infinite (``spoilt``), the fault is in an earlier layer, or, in the
    backward pass, in a later one, and no error is reported for this one.

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
        self.spoilt = False
        self.ran = self.compared = 0
        self.pending: list[Callable[[torch.Tensor | None], None]] = []
        self.expected: list[torch.Tensor] = []
        self.terms: list[torch.Tensor | None] = []
        self.hooks: list[Any] = []

    def watch(self) -> None:
        """Start watching; only when every layer has been copied, or copies would be watched too."""
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
        if not torch.isfinite(x).all():
            self.spoilt = True
        with torch.no_grad():
            expected = self._in_float32(x, None)[0]
            self._note_statistics()
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
        """Compare what is known only after the backward pass: gradients of the weights."""
        for late in list(self.pending):  # the first layer: nothing flows on to the batch
            late(None)
        weights = zip(self.module.parameters(), self.expected, self.terms, strict=False)
        for parameter, expected, terms in weights:
            found = torch.zeros_like(expected) if parameter.grad is None else parameter.grad
            self._note(found, expected, terms)
        if self.compared != self.ran:  # what was not checked has not passed
            self.error = float("inf")

    def forget(self) -> None:
        """Release the tensors of the step."""
        for hook in self.hooks:
            hook.remove()
        self.hooks.clear()
        self.pending.clear()

    def _compare_gradients(
        self, x: torch.Tensor, upstream: torch.Tensor, downstream: torch.Tensor | None
    ) -> None:
        self.compared += 1
        if not torch.isfinite(upstream).all():
            self.spoilt = True
            return
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
        """Return the output, and gradients of input and weights, by the plain layer in float32."""
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
        # on a CPU, bf16 is compared with any available float32 kernel
        own = self.rounded is None or device.type != "cpu"
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
        if not self.spoilt:
            self.error = max(self.error, relative_error(found, expected, terms))

    def _note_statistics(self) -> None:
        """Compare the running statistics, updated by the step and by the plain layer."""
        its, plain = (dict(layer.named_buffers()) for layer in (self.module, self.plain))
        for name in (name for name in plain if name.endswith("running_mean")):
            variance = name.replace("running_mean", "running_var")
            # a mean near 0 is a difference of values: compared with their deviation
            self._note(its[name], plain[name], plain[variance].sqrt())
            self._note(its[variance], plain[variance])
