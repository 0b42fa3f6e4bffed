"""Any network in parts of which only the inputs are kept for the backward pass.

Each part is computed again when its gradients are needed (Chen et al., arXiv 1604.06174): the same
bits, less memory, half as much time again. Tensors are ``(B, C, X, Y, Z)``.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint


class Checkpointed(nn.Module):
    """A network, computed part by part; the weights stay the network's.

    Parameters
    ----------
    network : nn.Module
    parts : sequence of nn.Module
        Layers of the network that, one after the other, are the network. None may change its input
        in place.
    """

    def __init__(self, network: nn.Module, parts: Sequence[nn.Module]) -> None:
        super().__init__()
        self.network = network
        self.parts = list(parts)  # a list is not registered: layers keep the network's names

    def forward(self, volumes: torch.Tensor) -> torch.Tensor:
        """Return the logits, as ``network(volumes)`` gives them."""
        x = volumes
        for part in self.parts:
            x = checkpoint(part, x, use_reentrant=False, context_fn=partial(_contexts, part))
        return x


def _contexts(part: nn.Module) -> tuple[AbstractContextManager, AbstractContextManager]:
    return nullcontext(), second_time(part)


@contextmanager
def second_time(part: nn.Module) -> Iterator[None]:
    """Compute a part again: running statistics do not move, and hooks are not called."""
    modules = list(part.modules())
    norms = [m for m in modules if isinstance(m, _BatchNorm)]
    statistics = [(m, m.momentum, m.num_batches_tracked) for m in norms]
    hooks = [(m, m._forward_pre_hooks, m._forward_hooks) for m in modules]
    try:
        for norm, _, count in statistics:
            norm.momentum = 0.0  # running = 1 * running + 0 * new: the same bits
            norm.num_batches_tracked = None if count is None else count.clone()
        for module, *_ in hooks:
            module._forward_pre_hooks, module._forward_hooks = OrderedDict(), OrderedDict()
        yield
    finally:
        for norm, momentum, count in statistics:
            norm.momentum, norm.num_batches_tracked = momentum, count
        for module, before, after in hooks:
            module._forward_pre_hooks, module._forward_hooks = before, after
