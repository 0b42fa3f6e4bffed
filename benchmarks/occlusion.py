"""Occlusion by four ways on one model, volume and set of cubes, in one run.

Ours computes the boxes again that a cube changes; the peers run whole forward passes: a plain loop,
MONAI's OcclusionSensitivity and Captum's Occlusion. In each round all of them hide the same
2 x 2 x 2 cubes, a random block of the grid of a map, one way after the other. The clean pass, once
for a volume, is timed apart (Captum runs its own for each block: an eighth of its time). The
arithmetic ratio counts the multiplications of the convolutions, from the boxes: of the cubes that
were timed and of all cubes of the map; it is the limit of what can be gained.

    python benchmarks/occlusion.py --size 96
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from captum.attr import Occlusion
from monai.visualize import OcclusionSensitivity
from networks import resnet18
from torch import nn

from ricenet.explain.occlusion.boxes import Boxes
from ricenet.explain.occlusion.cubes import average, corners
from ricenet.explain.occlusion.hidden import Hidden, whole
from ricenet.explain.occlusion.incremental import batch_outputs, changed_boxes, clean_activations
from ricenet.explain.occlusion.layers import LocalNetwork, local_network

CHANNELS = 3
EDGE = 2  # cubes of a block along each axis


class Round(NamedTuple):
    """One block of cubes: its corners, seconds a cube and results, by the way they were made."""

    places: np.ndarray
    seconds: dict[str, float]
    found: dict[str, torch.Tensor]


def lively(network: nn.Module) -> nn.Module:
    """Give the batch norms statistics and factors as after training, some negative."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm3d):
            module.running_mean.normal_(0, 0.3)
            module.running_var.uniform_(0.5, 2)
            nn.init.normal_(module.weight, 0.7, 0.6)
            nn.init.normal_(module.bias, 0, 0.3)
    return network.eval()


def hidden_at(places: np.ndarray, size: int, cube: int) -> Hidden:
    boxes = Boxes(places, places + cube - 1, np.array([size] * 3))
    return Hidden(boxes, range(CHANNELS), [0.0] * CHANNELS)


def block(rng: np.random.Generator, *, size: int, cube: int, stride: int) -> np.ndarray:
    """First corners of neighbouring cubes of the grid that begins at voxel 0."""
    first = stride * rng.integers(0, (size - cube) // stride + 2 - EDGE, 3)
    return first + stride * np.array(list(itertools.product(range(EDGE), repeat=3)))


def ours(
    local: LocalNetwork, clean: dict[str, torch.Tensor], hidden: Hidden, batch_size: int
) -> torch.Tensor:
    boxes = changed_boxes(local, hidden.boxes)
    cubes = np.arange(len(hidden.boxes.first))
    chunks = [cubes[i : i + batch_size] for i in range(0, len(cubes), batch_size)]
    return torch.cat([batch_outputs(local, clean, boxes, hidden, chunk) for chunk in chunks])


def plain(network: nn.Module, volume: torch.Tensor, hidden: Hidden, batch: int) -> torch.Tensor:
    found = whole(network, volume, hidden, batch_size=batch, precision="tf32")  # as torch does
    return torch.cat([values for _, values in found])


def region(places: np.ndarray, cube: int) -> list[tuple[int, int]]:
    return list(zip(places.min(0).tolist(), (places.max(0) + cube).tolist(), strict=True))


def monai(network, volume, places, *, cube: int, stride: int, batch: int) -> torch.Tensor:
    """Mean output (K, ...) in the middle of the region; MONAI widens the box by half a cube."""
    half = (cube - 1) // 2
    box = [n for low, high in region(places, cube) for n in (low + half, high - half)]
    tool = OcclusionSensitivity(
        network, mask_size=cube, overlap=1 - stride / cube, mode=0.0, n_batch=batch,
        verbose=False, activate=False,
    )  # fmt: skip
    return tool(volume[None], b_box=box)[0][0]


def captum(network, volume, places, *, cube: int, stride: int, batch: int) -> torch.Tensor:
    """Clean minus mean hidden first output (X, Y, Z) in the region."""
    inside = tuple(slice(low, high) for low, high in region(places, cube))

    def forward(crops: torch.Tensor) -> torch.Tensor:
        whole_volumes = volume[None].repeat(len(crops), 1, 1, 1, 1)
        whole_volumes[(..., *inside)] = crops
        return network(whole_volumes)

    found = Occlusion(forward).attribute(
        volume[(None, slice(None), *inside)], (CHANNELS, cube, cube, cube),
        strides=(CHANNELS, stride, stride, stride), target=0, perturbations_per_eval=batch,
    )  # fmt: skip
    return found[0, 0]


def every_cube(a) -> np.ndarray:
    return corners(np.ones((a.size,) * 3, bool), cube=a.cube, stride=a.stride)


def arithmetic_ratio(a, local: LocalNetwork, places: np.ndarray) -> float:
    """Multiplications of the convolutions in whole passes, over those in the boxes."""
    boxes = changed_boxes(local, hidden_at(places, a.size, a.cube).boxes)
    few = many = 0.0
    for layer in local.layers:
        if isinstance(layer.whole, nn.Conv3d):
            box, each = boxes[layer.name], layer.whole.weight.numel()
            few += each * float(np.prod(box.last - box.first + 1, axis=1).sum())
            many += each * float(np.prod(box.shape)) * len(places)
    return many / few


def rounds(a, network, volume, local, clean) -> Iterator[Round]:
    """Time all ways, one after the other, on one block of cubes after the other."""
    rng = np.random.default_rng(0)
    settings = {"cube": a.cube, "stride": a.stride, "batch": a.peer_batch}
    for _ in range(a.rounds):
        places = block(rng, size=a.size, cube=a.cube, stride=a.stride)
        hidden = hidden_at(places, a.size, a.cube)
        ways = {
            "ours": partial(ours, local, clean, hidden, a.batch),
            "plain": partial(plain, network, volume, hidden, a.peer_batch),
            "MONAI": partial(monai, network, volume, places, **settings),
            "Captum": partial(captum, network, volume, places, **settings),
        }
        both = {name: timed(work) for name, work in ways.items()}
        yield Round(
            places,
            {n: t / len(places) for n, (t, _) in both.items()},
            {n: found for n, (_, found) in both.items()},
        )


def timed(work: Callable[[], torch.Tensor]) -> tuple[float, torch.Tensor]:
    start = time.perf_counter()
    found = work()
    if found.is_cuda:
        torch.cuda.synchronize()
    return time.perf_counter() - start, found


def differences(a, one: Round, clean: torch.Tensor) -> dict[str, float]:
    """Largest difference of each peer's logits to ours, after its own averaging."""
    found = {name: values.cpu().numpy() for name, values in one.found.items()}
    everywhere = np.ones((a.size,) * 3, bool)
    means = np.stack([average(v, one.places, everywhere, cube=a.cube) for v in found["ours"].T])
    inside, half = region(one.places, a.cube), (a.cube - 1) // 2
    middle = means[(..., *(slice(low + half, high - half) for low, high in inside))]
    whole_region = means[(..., *(slice(low, high) for low, high in inside))]
    gaps = {"plain": found["plain"] - found["ours"], "MONAI": found["MONAI"] - middle}
    if "Captum" in found:
        gaps["Captum"] = clean[0].item() - found["Captum"] - whole_region[0]
    return {name: float(np.abs(gap).max()) for name, gap in gaps.items()}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=64, help="edge of the volume, voxels")
    parser.add_argument("--cube", type=int, default=16)
    parser.add_argument("--stride", type=int, default=8)
    parser.add_argument("--stem-stride", type=int, default=1)
    parser.add_argument("--width", type=float, default=1.0)
    parser.add_argument("--batch", type=int, default=8, help="cubes at a time, ours")
    parser.add_argument("--peer-batch", type=int, default=1, help="1 is fastest on a CPU")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    return parser.parse_args()


def report(a, local: LocalNetwork, done: list[Round], clean: torch.Tensor) -> None:
    timed_cubes = np.concatenate([one.places for one in done])
    print(
        f"arithmetic ratio: {arithmetic_ratio(a, local, timed_cubes):.1f} of these cubes, "
        f"{arithmetic_ratio(a, local, every_cube(a)):.1f} of the whole map\n"
        f"ours    {statistics.median(one.seconds['ours'] for one in done):.3f} s a cube"
    )
    gaps = [differences(a, one, clean) for one in done]
    for name in gaps[0]:
        ratio = statistics.median(one.seconds[name] / one.seconds["ours"] for one in done)
        print(
            f"{name:7} {statistics.median(one.seconds[name] for one in done):.3f} s a cube, "
            f"{ratio:.1f} times ours, largest difference of the logits "
            f"{max(gap[name] for gap in gaps):.1e}"
        )


@torch.inference_mode()
def main() -> None:
    a = arguments()
    torch.manual_seed(0)
    torch.set_num_threads(a.threads)
    network = resnet18(a, CHANNELS)
    network = lively(network).to(a.device)
    volume = torch.randn(CHANNELS, *(a.size,) * 3).to(a.device)
    print(
        f"{a.size}^3, cube {a.cube}, stride {a.stride}, stem stride {a.stem_stride}, width "
        f"{a.width}, {a.device}, {a.threads} threads: {a.rounds} rounds of {EDGE**3} cubes, "
        f"the map has {len(every_cube(a))}"
    )
    local = local_network(network)
    boxes = changed_boxes(local, hidden_at(every_cube(a), a.size, a.cube).boxes)
    start = time.perf_counter()
    clean = clean_activations(local, volume, boxes)
    print(f"clean pass, once: {time.perf_counter() - start:.1f} s")
    done = list(rounds(a, network, volume, local, clean))
    report(a, local, done, network(volume[None])[0])


if __name__ == "__main__":
    main()
