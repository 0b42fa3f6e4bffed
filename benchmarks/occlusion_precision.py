"""What bfloat16 does to an occlusion map: the changes of the probability, against fp32.

The same model, volume and cubes in both precisions; batch norms and last layers stay in single
precision, as ``occlusion_map.precision`` does it.

    python benchmarks/occlusion_precision.py --size 64
"""

from __future__ import annotations

import argparse
import copy

import numpy as np
import torch
from networks import resnet18
from occlusion import hidden_at, lively
from torch import nn

from ricenet.explain.occlusion.cubes import corners
from ricenet.explain.occlusion.incremental import clean_output, incremental
from ricenet.explain.occlusion.layers import local_network
from ricenet.explain.occlusion_map import in_precision

CHANNELS, CUBE, STRIDE = 3, 16, 16


def changes(network: nn.Module, volume: torch.Tensor, places: np.ndarray) -> torch.Tensor:
    """Clean minus hidden probabilities (P, K)."""
    hidden, local = hidden_at(places, volume.shape[-1], CUBE), local_network(network)
    found = torch.empty(len(places), 2)
    for chosen, outputs in incremental(local, volume, hidden, batch_size=8):
        found[chosen] = torch.softmax(outputs.float(), -1).cpu()
    return torch.softmax(clean_output(local, volume), -1).cpu() - found


@torch.inference_mode()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--width", type=float, default=1.0)
    parser.add_argument("--stem-stride", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    a = parser.parse_args()
    places = corners(np.ones((a.size,) * 3, bool), cube=CUBE, stride=STRIDE)
    for seed in range(a.seeds):
        torch.manual_seed(seed)
        network = lively(resnet18(a, CHANNELS))
        network, volume = network.to(a.device), torch.randn(CHANNELS, *(a.size,) * 3).to(a.device)
        single = changes(network, volume, places)
        half = changes(in_precision(copy.deepcopy(network), "bf16"), volume.bfloat16(), places)
        gap = (single - half).abs()
        print(
            f"{a.size}^3, {a.device}, seed {seed}: {len(places)} cubes, largest change "
            f"{single.abs().max():.1e}, bf16 differs by at most {gap.max():.1e}, "
            f"median {gap.median():.1e}"
        )


if __name__ == "__main__":
    main()
