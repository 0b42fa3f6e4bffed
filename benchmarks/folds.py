"""Several models on one device: one after the other, as processes, as threads of one process.

python benchmarks/folds.py --models 2 --size 48 --width 0.25 --steps 20
python benchmarks/folds.py --models 4 --size 96 --steps 50 --device cuda

Each model trains on volumes of its own seed that lie on the device, without augmentation. Processes
start, and train another model, before the clock does. One after the other a model has all threads
of the processor, side by side its share. The last column says whether the weights are those of
models trained alone with as many threads, bit by bit.
"""

from __future__ import annotations

import argparse
import hashlib
import multiprocessing
import statistics
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from typing import Any

import torch
from augment import RANGES
from networks import resnet18
from timing import place

from ricenet.cohort.loading import Subjects
from ricenet.networks.device import choose_device
from ricenet.train import augment, epoch, fit_to_device

STILL = RANGES.model_copy(update={"probability": 0.0})


def make(args: argparse.Namespace, seed: int) -> tuple[torch.nn.Module, Callable[[], object]]:
    """Build a model and the function that trains it."""
    device = choose_device(args.device)
    torch.manual_seed(seed)
    network = resnet18(args, 3).to(device)
    optimizer = torch.optim.Adam(
        network.parameters(), lr=1e-3, weight_decay=0.0, fused=device.type == "cuda"
    )
    volumes = torch.randn(2 * args.batch_size, 3, *[args.size] * 3).half().to(device)
    labels = torch.arange(len(volumes), device=device) % 2
    subjects = Subjects([str(i) for i in range(len(volumes))], labels, volumes)
    bf16 = fit_to_device.use_bf16(args.precision, device)
    cuda = device.type == "cuda"
    execution = fit_to_device.prepare(
        network,
        fit_to_device.Fit(
            samples=args.batch_size,
            small_stem=cuda and bf16,
            resident=True,
            bf16=bf16,
            folded=bf16,
            gather="compiled" if cuda else "library",
            fused=cuda,
        ),
        name="resnet18",
    )
    if cuda:
        torch.cuda.synchronize()  # the other streams must find all this done
    places = [i % len(volumes) for i in range(args.steps * args.batch_size)]
    order = epoch.Order(places, range(len(places)))
    setup = augment.Setup(volumes.shape[2:], 1.0, ("mri",) * 3, range(3), STILL)

    def train() -> None:
        with torch.cuda.stream(torch.cuda.Stream(device)) if cuda else nullcontext():
            epoch.train_epoch(
                network,
                optimizer,
                subjects,
                order,
                setup=setup,
                execution=execution,
                batch_size=args.batch_size,
            )
        if cuda:
            torch.cuda.synchronize()

    return network, train


def weights(network: torch.nn.Module) -> str:
    """Digest of a network's weights and running statistics."""
    found = hashlib.sha256()
    for value in network.state_dict().values():
        found.update(value.detach().cpu().contiguous().numpy().tobytes())
    return found.hexdigest()[:12]


def one_by_one(args: argparse.Namespace, threads: int) -> tuple[float, list[str]]:
    torch.set_num_threads(threads)
    made = [make(args, seed) for seed in range(args.models)]
    started = time.perf_counter()
    for _, train in made:  # here: OpenMP in a thread of Python takes twice as long
        train()
    return time.perf_counter() - started, [weights(network) for network, _ in made]


def as_threads(args: argparse.Namespace, threads: int) -> tuple[float, list[str]]:
    torch.set_num_threads(threads)
    made = [make(args, seed) for seed in range(args.models)]
    with ThreadPoolExecutor(args.models) as pool:
        started = time.perf_counter()
        list(pool.map(lambda pair: pair[1](), made))  # raises the error of a thread
        seconds = time.perf_counter() - started
    return seconds, [weights(network) for network, _ in made]


def work(args: argparse.Namespace, threads: int, seed: int, gate: Any, results: Any) -> None:
    """Train one model in a process of its own, when all are ready."""
    torch.set_num_threads(threads)
    make(args, seed)[1]()  # another model first: kernels are chosen at the first steps
    network, train = make(args, seed)
    gate.wait()
    train()
    gate.wait()
    results.put((seed, weights(network)))


def as_processes(args: argparse.Namespace, threads: int) -> tuple[float, list[str]]:
    context = multiprocessing.get_context("spawn")
    gate, results = context.Barrier(args.models + 1), context.SimpleQueue()
    processes = [
        context.Process(target=work, args=(args, threads, seed, gate, results))
        for seed in range(args.models)
    ]
    for process in processes:
        process.start()
    gate.wait()
    started = time.perf_counter()
    gate.wait()
    seconds = time.perf_counter() - started
    found = sorted(results.get() for _ in processes)
    for process in processes:
        process.join()
    return seconds, [digest for _, digest in found]


def row(name: str, seconds: Sequence[float], samples: int, same: bool | None) -> str:
    best, middle = min(seconds), statistics.median(seconds)
    cells = [name, f"{middle:.2f}", f"{samples / middle:.1f}", f"{samples / best:.1f}"]
    return f"| {' | '.join([*cells, {True: 'yes', False: 'no', None: ''}[same]])} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", type=int, default=2)
    parser.add_argument("--size", type=int, default=48)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--batch-size", type=int, default=2)
    parser.add_argument("--stem-stride", type=int, default=2)
    parser.add_argument("--width", type=float, default=1.0)
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--device", default="cpu")
    args = parser.parse_args()
    share = max(1, args.threads // args.models)
    alone = one_by_one(args, share)[1]
    ways = {
        "one after the other": (one_by_one, args.threads),
        "processes side by side": (as_processes, share),
        "threads of one process": (as_threads, share),
    }
    times: dict[str, list[float]] = {name: [] for name in ways}
    same: dict[str, bool | None] = {}
    for _ in range(args.repeats):
        for name, (way, threads) in ways.items():
            seconds, found = way(args, threads)
            times[name].append(seconds)
            same[name] = found == alone if threads == share else None
    samples = args.models * args.steps * args.batch_size
    torch.set_num_threads(args.threads)
    print(f"\n{args.models} models, 3 x {args.size}^3, width {args.width}, {args.precision}")
    print(f"{place(choose_device(args.device))}\n")
    print("| | s | samples/s | at best | same weights as alone |\n|---|---|---|---|---|")
    for name, seconds in times.items():
        print(row(name, seconds, samples, same[name]))


if __name__ == "__main__":
    main()
