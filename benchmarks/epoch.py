"""An epoch end to end: ours, MONAI's tutorial loop, MONAI tuned, and the pure model step.

python benchmarks/epoch.py --size 64 --samples 8 --repeats 3

Every loop shows the same volumes through the same network with all augmentation switched on: read
once before, then augmentation, forward, backward, optimiser. The pure step has its batch on the
device already and no augmentation: no loop can be faster.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from augment import RANGES, monai_chain, sample
from networks import resnet18
from timing import place, race, table

from ricenet.cohort.loading import Subjects
from ricenet.networks.device import choose_device
from ricenet.provenance.seeds import derive_seed
from ricenet.train import augment, epoch, fit_to_device

KINDS = ("mri", "mri", "dose")


def build(args: argparse.Namespace, device: torch.device) -> tuple[Any, torch.optim.Optimizer]:
    torch.manual_seed(0)
    network = resnet18(args, 3).to(device).train()
    fused = device.type == "cuda"
    return network, torch.optim.Adam(network.parameters(), lr=1e-4, fused=fused)


def ours(
    args: argparse.Namespace, device: torch.device, subjects: Subjects, *, changes: bool
) -> Callable[[], object]:
    network, optimizer = build(args, device)
    bf16, cuda = fit_to_device.use_bf16("auto", device), device.type == "cuda"
    execution = fit_to_device.prepare(
        network,
        fit_to_device.Fit(
            samples=args.batch_size,
            small_stem=cuda,
            resident=True,
            bf16=bf16,
            folded=bf16,
            gather="compiled" if cuda else "library",
            fused=cuda,
        ),
        name="resnet18",
    )
    # without changes a batch is still copied once
    ranges = RANGES if changes else RANGES.model_copy(update={"probability": 0.0})
    setup = augment.Setup(subjects.volumes.shape[2:], 1.0, KINDS, (0, 1, 2), ranges)
    seeds = [derive_seed(i) for i in range(args.samples)]
    order = epoch.Order(range(args.samples), seeds)
    return lambda: epoch.train_epoch(
        network,
        optimizer,
        subjects,
        order,
        setup=setup,
        execution=execution,
        batch_size=args.batch_size,
    )


def monai_loop(
    args: argparse.Namespace, device: torch.device, subjects: Subjects, *, tuned: bool
) -> Callable[[], object]:
    """MONAI's CacheDataset and loader; tuned: half precision, transforms on the device, threads."""
    from monai.data import CacheDataset, DataLoader, ThreadDataLoader

    network, optimizer = build(args, device)
    bf16 = tuned and fit_to_device.use_bf16("auto", device)
    if bf16:
        network.to(memory_format=torch.channels_last_3d)
    home = device if tuned else torch.device("cpu")
    volumes = subjects.volumes.float().to(home)
    keys = ("a", "b", "c")
    items = [
        {**{k: v[i : i + 1] for i, k in enumerate(keys)}, "label": int(label)}
        for v, label in zip(volumes, subjects.labels.tolist(), strict=True)
    ]
    chain = monai_chain(args.size, affined=not tuned)
    data = CacheDataset(items, chain, progress=False)
    if tuned:
        loader = ThreadDataLoader(data, batch_size=args.batch_size, num_workers=0, shuffle=True)
    else:
        loader = DataLoader(
            data, batch_size=args.batch_size, num_workers=args.workers, shuffle=True
        )

    def work() -> None:
        for batch in loader:
            images = torch.cat([batch[k].as_tensor() for k in keys], dim=1).to(device)
            labels = torch.as_tensor(batch["label"]).to(device)
            optimizer.zero_grad()
            with torch.autocast(device.type, torch.bfloat16, enabled=bf16):
                logits = network(images)
            F.cross_entropy(logits.float(), labels).backward()
            optimizer.step()

    return work


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--samples", type=int, default=8)
    parser.add_argument("--batch-size", type=int, default=2)
    parser.add_argument("--stem-stride", type=int, default=2)
    parser.add_argument("--width", type=float, default=1.0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--workers", type=int, default=0, help="processes of MONAI's plain loader")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--device", default="cpu")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    device = choose_device(args.device)
    volumes = torch.stack([sample(args.size).half() for _ in range(args.samples)]).to(device)
    labels = torch.arange(args.samples, device=device) % 2
    subjects = Subjects([str(i) for i in range(args.samples)], labels, volumes)
    rivals = {
        "pure model step": ours(args, device, subjects, changes=False),
        "ours": ours(args, device, subjects, changes=True),
        "MONAI, tutorial loop": monai_loop(args, device, subjects, tuned=False),
        "MONAI, tuned": monai_loop(args, device, subjects, tuned=True),
    }
    found = race(rivals, repeats=args.repeats)
    notes = {
        name: f"{1000 * min(t.wall for t in times) / args.samples:.0f} ms a sample at best"
        for name, times in found.items()
    }
    shape = f"{args.samples} samples of 3 x {args.size}^3, batches of {args.batch_size}"
    print(f"\nepoch, {shape}, stem stride {args.stem_stride}, width {args.width}")
    print(f"{place(device)}\n")
    print(table(found, ours="ours", notes=notes))


if __name__ == "__main__":
    main()
