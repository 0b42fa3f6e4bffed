"""Patients made on arrays whose label has a known cause, small networks, and their maps."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from ricenet.explain import exchange_fill, map_changes
from ricenet.explain.occlusion.maps import occlusion_map

SHAPE, CUBE, STRIDE = (20, 20, 20), 5, 4
MRI, DOSE = 0, 1  # channels


class Patients(NamedTuple):
    volumes: torch.Tensor  # (N, 2, X, Y, Z)
    labels: NDArray
    lesions: NDArray  # (N, X, Y, Z) bool
    hot: NDArray  # high dose


def head() -> NDArray:
    axes = np.meshgrid(*[np.linspace(-1, 1, n) for n in SHAPE], indexing="ij")
    return sum(a**2 for a in axes) < 1


def patients(count: int, cause: str, *, seed: int) -> Patients:
    """A lesion and a high dose apart from each other; how strong they are is the label's cause."""
    rng = np.random.default_rng(seed)
    brain, grid = head(), np.indices(SHAPE)
    inner = np.argwhere(brain & (((grid - 9.5) ** 2).sum(axis=0) < 36))
    volumes, lesions, hot = [], [], []
    strengths = rng.permuted(np.tile([-1, 1], count)).reshape(2, count) + 0.2 * rng.standard_normal(
        (2, count)
    )
    for lesion, dose in strengths.T:
        while True:
            a, b = inner[rng.integers(len(inner), size=2)]
            if ((a - b) ** 2).sum() > 49:
                break
        far = [np.sqrt(((grid - x[:, None, None, None]) ** 2).sum(axis=0)) for x in (a, b)]
        mri = 0.3 * rng.standard_normal(SHAPE) + (3 + lesion) * np.exp(-((far[0] / 2) ** 2))
        gy = (1 + 0.25 * dose) * np.exp(-((far[1] / 4) ** 2))
        volumes.append(np.stack([mri, gy]) * brain)
        lesions.append(brain & (far[0] < 3))
        hot.append(brain & (far[1] < 3))
    decides = {"mri": strengths[0], "dose": strengths[1], "both": strengths.sum(axis=0)}[cause]
    labels = (decides > np.median(decides)).astype(int)
    return Patients(
        torch.tensor(np.array(volumes), dtype=torch.float32),
        labels,
        np.array(lesions),
        np.array(hot),
    )


def small_network(seed: int) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv3d(2, 16, 5, stride=2, padding=2), nn.BatchNorm3d(16), nn.ReLU(),
        nn.Conv3d(16, 32, 3, padding=1), nn.BatchNorm3d(32), nn.ReLU(),
        nn.AdaptiveAvgPool3d(1), nn.Flatten(), nn.Linear(32, 2),
    )  # fmt: skip


def trained(volumes: torch.Tensor, labels: NDArray, *, epochs: int, seed: int) -> nn.Module:
    network = small_network(seed).train()
    optimiser = torch.optim.Adam(network.parameters(), lr=3e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, epochs)
    answers, draw = torch.from_numpy(labels), torch.Generator().manual_seed(seed)
    for _ in range(epochs):
        for some in torch.randperm(len(volumes), generator=draw).split(8):
            optimiser.zero_grad()
            batch = volumes[some]
            for axis in (2, 3, 4):
                if torch.rand((), generator=draw) < 0.5:
                    batch = batch.flip(axis)
            nn.functional.cross_entropy(network(batch), answers[some]).backward()
            optimiser.step()
        schedule.step()
    return network.eval()


def logit_of(network: nn.Module, volumes: torch.Tensor) -> NDArray:
    with torch.no_grad():
        out = network(volumes)
    return (out[:, 1] - out[:, 0]).numpy()


def maps(of: Callable[[int], nn.Module], made: Patients, *, channel: int | None = None) -> NDArray:
    """Mean change of the logit (N, X, Y, Z), doses exchanged with the next patient's."""
    found, brain = [], head()
    for i, own in enumerate(made.volumes):
        donor = made.volumes[(i + 1) % len(made.volumes)]
        other = exchange_fill.other_volume(
            own.numpy(), donor.numpy(), exchanged=[False, True], cube=CUBE
        )
        seen = torch.from_numpy(other)
        if channel is not None:  # hidden in one channel alone
            seen = torch.stack([s if c == channel else own[c] for c, s in enumerate(seen)])
        result = occlusion_map(
            exchange_fill.switched([of(i)], own), exchange_fill.with_other(own, seen), brain,
            cube=CUBE, stride=STRIDE, channels=[4], batch_size=256,
            fill=[exchange_fill.OPEN] * 5, precision="fp32", progress=lambda *_: None,
        )  # fmt: skip
        change = map_changes.changes(result.clean, result.hidden)
        found.append(map_changes.mean_map(change, result.places, brain, cube=CUBE))
    return np.array(found)
