"""One epoch of training, and the validation after it.

Tensors are ``(B, C, X, Y, Z)``. Within an epoch nothing waits for the device: order and labels lie
there, samples kept on the host are copied while the batch before them is computed, and losses are
read at the end.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import nn

from ricenet import stem
from ricenet.device import to_device
from ricenet.loading import Subjects


class Way(NamedTuple):
    """How a network runs on its device.

    Attributes
    ----------
    call : callable
        From a float32 batch to logits.
    samples : int
        At once; an optimiser step is made of several such parts.
    bf16 : bool
        Under autocast.
    """

    call: Callable[[torch.Tensor], torch.Tensor]
    samples: int
    bf16: bool


def use_bf16(precision: str, device: torch.device) -> bool:
    """Whether the network runs in bfloat16 under autocast."""
    return precision == "bf16" or (precision == "auto" and device.type == "cuda")


def choose_way(
    network: nn.Module, device: torch.device, *, samples: int, bf16: bool, small_stem: bool
) -> Way:
    """Prepare a network for its device.

    Channels last helps in half precision (1.1 to 1.4 times, measured on a CPU) and hurts in float32
    (0.75). The recomputing stem saves memory; on a CPU it takes longer than the plain one.
    """
    if bf16:
        network.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
    call = partial(stem.forward, network) if small_stem else network
    torch.backends.cudnn.benchmark = device.type == "cuda"  # all batches have one shape
    return Way(call, samples, bf16)


def be_deterministic() -> None:
    """Let only kernels run that give the same bits each time; slower on a GPU."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True)
    torch.backends.cudnn.benchmark = False


def batches(
    subjects: Subjects, order: Sequence[int], size: int
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Give volumes (size, C, X, Y, Z) float32 and labels (size,) on the labels' device."""
    device = subjects.labels.device
    places = to_device(torch.tensor(order), device)
    labels = subjects.labels.index_select(0, places).split(size)
    volumes: Iterator[torch.Tensor]
    if subjects.volumes.device == device:
        volumes = (subjects.volumes.index_select(0, part) for part in places.split(size))
    else:
        parts = [order[i : i + size] for i in range(0, len(order), size)]
        volumes = _copied_ahead(subjects.volumes, parts, device)
    for batch, part in zip(volumes, labels, strict=True):
        yield batch.float(), part


def _copied_ahead(
    volumes: torch.Tensor, parts: Sequence[Sequence[int]], device: torch.device
) -> Iterator[torch.Tensor]:
    """Batches from pinned host memory; the next one is on its way while one is used."""
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
    order: Sequence[int],
    *,
    way: Way,
    batch_size: int,
    change: Callable[[torch.Tensor, slice], torch.Tensor],
) -> torch.Tensor:
    """Show the subjects in their order; an optimiser step after every ``batch_size``.

    Parameters
    ----------
    change : callable
        Augments a batch, given its place in the order.

    Returns
    -------
    (parts,) tensor
        Losses, on the device.
    """
    network.train()
    losses, parts = [], batch_size // way.samples
    for i, (batch, labels) in enumerate(batches(subjects, order, way.samples)):
        batch = change(batch, slice(i * way.samples, (i + 1) * way.samples))
        with torch.autocast(batch.device.type, torch.bfloat16, enabled=way.bf16):
            logits = way.call(batch)  # (B, 2)
        loss = F.cross_entropy(logits.float(), labels)
        (loss / parts).backward()
        losses.append(loss.detach())
        if (i + 1) % parts == 0:
            optimizer.step()
            optimizer.zero_grad()
    return torch.stack(losses)


@torch.no_grad()
def validate(network: nn.Module, subjects: Subjects, *, way: Way) -> torch.Tensor:
    """(N, 2) float32 logits of unchanged volumes."""
    network.eval()
    found = []
    for batch, _ in batches(subjects, range(len(subjects.names)), way.samples):
        with torch.autocast(batch.device.type, torch.bfloat16, enabled=way.bf16):
            found.append(way.call(batch).float())
    return torch.cat(found)
