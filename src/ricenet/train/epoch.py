"""One epoch of training, and the validation after it.

Tensors are ``(B, C, X, Y, Z)``. Within an epoch nothing waits for the device: order and labels lie
there, samples kept on the host are copied while the batch before them is computed, and losses are
read at the end.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import nn
from torch.optim.swa_utils import AveragedModel, update_bn

from ricenet.cohort.loading import Subjects
from ricenet.networks import inference
from ricenet.networks.device import exact_float32, first_line, out_of_memory, to_device
from ricenet.train import augment
from ricenet.train.fit_to_device import Execution


def be_deterministic() -> None:
    """Allow only kernels that give the same bits each time; slower on a GPU."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True)
    # filling hides kernels that read uninitialised memory, which the gradient gate looks for
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]


class Order(NamedTuple):
    """The samples of an epoch, one after the other.

    Attributes
    ----------
    places : sequence of int
        Which of the subjects each is.
    seeds : sequence of int
        From which the changes of each are drawn.
    """

    places: Sequence[int]
    seeds: Sequence[int]


def batches(
    subjects: Subjects, order: Sequence[int], size: int
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Yield volumes (size, C, X, Y, Z) float32 and labels (size,) on the labels' device."""
    device = subjects.labels.device
    places = to_device(torch.tensor(order), device)
    labels = subjects.labels.index_select(0, places).split(size)
    volumes: Iterator[torch.Tensor]
    if subjects.volumes.device == device:
        volumes = (subjects.volumes.index_select(0, part) for part in places.split(size))
    else:
        parts = [order[i : i + size] for i in range(0, len(order), size)]
        copied = _copied_ahead if subjects.volumes.is_pinned() else _copied
        volumes = copied(subjects.volumes, parts, device)
    for batch, part in zip(volumes, labels, strict=True):
        yield batch.float(), part


def _copied(
    volumes: torch.Tensor, parts: Sequence[Sequence[int]], device: torch.device
) -> Iterator[torch.Tensor]:
    """Yield the batches from memory that could not be pinned; the device waits for each."""
    for part in parts:
        yield torch.stack([volumes[i] for i in part]).to(device)


def _copied_ahead(
    volumes: torch.Tensor, parts: Sequence[Sequence[int]], device: torch.device
) -> Iterator[torch.Tensor]:
    """Yield the batches from pinned host memory; the next one is on its way while one is used."""
    stream, main = torch.cuda.Stream(device), torch.cuda.current_stream(device)

    def fetch(part: Sequence[int]) -> torch.Tensor:
        with torch.cuda.stream(stream):
            return torch.stack([volumes[i].to(device, non_blocking=True) for i in part])

    ahead = fetch(parts[0])
    for following in [*parts[1:], None]:
        main.wait_stream(stream)
        batch = ahead
        batch.record_stream(main)
        if following is not None:
            ahead = fetch(following)
        yield batch


def train_epoch(
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    subjects: Subjects,
    order: Order,
    *,
    setup: augment.Setup,
    execution: Execution,
    batch_size: int,
    rates: Sequence[float] | None = None,
    label_smoothing: float = 0.0,
    average: AveragedModel | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Show the subjects in their order; an optimiser step after every ``batch_size``.

    Parameters
    ----------
    setup : Setup
        How samples are changed.
    rates : sequence of float, optional
        Learning rate of each step; by default as the optimiser has it.
    label_smoothing : float
        Share of a label's weight that both classes share (Szegedy et al., arXiv 1512.00567).
    average : AveragedModel, optional
        Follows the weights after every step, see :mod:`ricenet.train.averaging`.

    Returns
    -------
    losses : (parts,) tensor
        On the device.
    norms : (steps, parameters) tensor
        Euclidean norms of the gradients, on the device.
    """
    network.train()
    size = execution.samples
    losses: list[torch.Tensor] = []
    norms: list[torch.Tensor] = []
    parts = batch_size // size  # forward passes of an optimiser step
    for i, (volumes, labels) in enumerate(batches(subjects, order.places, size)):
        draws = [augment.draw(seed, setup) for seed in order.seeds[i * size : (i + 1) * size]]
        volumes = augment.apply(volumes, draws, setup)  # (B, C, X, Y, Z)
        with torch.autocast(volumes.device.type, torch.bfloat16, enabled=execution.bf16):
            logits = execution.call(volumes)  # (B, 2)
        loss = F.cross_entropy(logits.float(), labels, label_smoothing=label_smoothing)
        (loss / parts).backward()
        losses.append(loss.detach())
        if (i + 1) % parts == 0:
            if rates is not None:
                set_rate(optimizer, rates[len(norms)])
            norms.append(gradient_norms(network))
            optimizer.step()
            optimizer.zero_grad()
            if average is not None:
                average.update_parameters(network)
    return torch.stack(losses), torch.stack(norms)


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Let the next steps of an optimiser have a learning rate."""
    for group in optimizer.param_groups:
        group["lr"] = rate


def recompute_norms(
    network: nn.Module, subjects: Subjects, *, samples: int, say: Callable[[str], None] = print
) -> None:
    """Set the statistics of the batch norms to their means over the batches of all subjects.

    Training leaves a moving average over the last ten or so batches, which with two subjects a
    batch depends on who happened to come last (Wu & Johnson, arXiv 2105.07576).

    Parameters
    ----------
    subjects : Subjects
        Of the training, unchanged.
    samples : int
        In one batch, as in training.
    say : callable
        Called with a message when the host computes them, for lack of memory on the device.
    """
    count = len(subjects.names) // samples * samples  # a batch of one would have other statistics
    order = range(count or len(subjects.names))
    device = subjects.labels.device
    try:
        with exact_float32(device):
            update_bn((batch for batch, _ in batches(subjects, order, samples)), network)
        return
    except RuntimeError as error:  # in float32 a step takes more than the training did
        if not out_of_memory(error):
            raise
        say(f"statistics of the batch norms are computed on the host: {first_line(error)}")
    on_host = copy.deepcopy(network).cpu()
    host = subjects._replace(labels=subjects.labels.cpu(), volumes=subjects.volumes.cpu())
    with exact_float32(host.labels.device):
        update_bn((batch for batch, _ in batches(host, order, samples)), on_host)
    network.load_state_dict(on_host.state_dict())


def gradient_norms(network: nn.Module) -> torch.Tensor:
    """Return (parameters,) Euclidean norm of each parameter's gradient, on the device."""
    gradients = [p.grad for p in network.parameters() if p.grad is not None]
    return torch.stack(torch._foreach_norm(gradients))


def validate(
    network: nn.Module, subjects: Subjects, *, samples: int, precision: str
) -> torch.Tensor:
    """Return (N, 2) float32 logits of unchanged volumes, computed as predictions are."""
    network = copy.deepcopy(network).eval()
    if precision == "fp32":  # in the memory format of a model that was read from its file
        network.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    return torch.cat(
        [
            inference.logits(network, batch, precision=precision)
            for batch, _ in batches(subjects, range(len(subjects.names)), samples)
        ]
    )
