"""Networks that have not learned: random weights, and trained ones that forget layer by layer.

What their maps show is owed to the images, the fill value and the architecture alone (Adebayo et
al., Sanity checks for saliency maps, NeurIPS 2018).
"""

from __future__ import annotations

import copy
from collections.abc import Iterator

import torch
from torch import nn


def untrained(network: nn.Module, volumes: torch.Tensor, *, seed: int) -> nn.Module:
    """Return a network with random weights whose batch norms know the scale of what they get.

    Without that its outputs would hardly depend on the input.

    Parameters
    ----------
    network : nn.Module
        Whose architecture it has. It is left as it is.
    volumes : (N, C, X, Y, Z) tensor
        Volumes of training subjects.
    """
    made = copy.deepcopy(network)
    with torch.random.fork_rng(devices=_devices(volumes)):
        torch.manual_seed(seed)
        for module in made.modules():
            reset = getattr(module, "reset_parameters", None)
            if callable(reset):
                reset()
    return calibrated(made, volumes)


@torch.no_grad()
def calibrated(network: nn.Module, volumes: torch.Tensor) -> nn.Module:
    """Set the statistics of the batch norms to those of some volumes; in evaluation mode after.

    Two or three volumes at a time, as a layer may leave a single voxel of one: means and variances
    are averaged over them.
    """
    norms = [m for m in network.modules() if isinstance(m, nn.BatchNorm3d)]
    network.eval()
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # cumulative mean
        norm.train()
    for some in torch.tensor_split(volumes, max(1, len(volumes) // 2)):
        network(some)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    return network.eval()


def cascade(
    trained: nn.Module, random: nn.Module, volumes: torch.Tensor
) -> Iterator[tuple[str, nn.Module]]:
    """Yield the trained network with more and more of its parts random, the last ones first.

    A part is a direct child of the network; what is left over is one more. The name of the part
    that was replaced last goes with it. Batch norms are calibrated on ``volumes`` (N, C, X, Y, Z)
    anew.
    """
    weights, other = trained.state_dict(), random.state_dict()
    children = [name for name, _ in trained.named_children()]
    part_of = {
        weight: next((child for child in children if weight.startswith(f"{child}.")), "")
        for weight in weights
    }
    parts = list(dict.fromkeys(part_of.values()))
    mixed = dict(weights)
    for part in reversed(parts):
        mixed |= {name: w for name, w in other.items() if part_of[name] == part}
        made = copy.deepcopy(trained)
        made.load_state_dict(mixed)
        yield part, calibrated(made, volumes)


def _devices(volumes: torch.Tensor) -> list[torch.device]:
    return [volumes.device] if volumes.device.type == "cuda" else []
