"""One training step on data already on the device: ours, the parts of ours, and MONAI's network.

python benchmarks/train_step.py --size 64 --stem-stride 1 --precision bf16 --repeats 5

No augmentation, no files: forward, loss, backward, optimiser. Beside the time stand the bytes that
are kept for the backward pass and the largest difference of the logits from the first row's.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import torch
import torch.nn.functional as F
from networks import resnet18
from timing import place, race, table
from torch import nn

from ricenet.networks import resnet_stem
from ricenet.networks.device import choose_device


def saved_bytes(forward: Callable[[], object]) -> int:
    """Sum of the distinct storages that a forward pass keeps."""
    seen = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        seen[storage.data_ptr()] = (storage.nbytes(), tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        forward()
    return sum(size for size, _ in seen.values())


def build(args: argparse.Namespace, device: torch.device) -> nn.Module:
    torch.manual_seed(0)
    network = resnet18(args, args.channels)
    return network.to(device).train()


class Runner:
    """A network with its optimiser, one step a call."""

    def __init__(
        self, args: argparse.Namespace, device: torch.device, *, ours: bool, last: bool, bf16: bool
    ) -> None:
        self.network, self.bf16 = build(args, device), bf16
        if last:
            self.network.to(memory_format=torch.channels_last_3d)
        gather = "compiled" if device.type == "cuda" else "library"
        self.call = resnet_stem.WithStem(self.network, gather=gather) if ours else self.network
        self.optimizer = torch.optim.Adam(self.network.parameters(), fused=device.type == "cuda")
        shape = (args.batch_size, args.channels, args.size, args.size, args.size)
        self.batch = torch.randn(shape, generator=torch.Generator().manual_seed(1)).to(device)
        self.labels = torch.arange(args.batch_size, device=device) % 2

    def logits(self) -> torch.Tensor:
        with torch.autocast(self.batch.device.type, torch.bfloat16, enabled=self.bf16):
            return self.call(self.batch).float()

    def __call__(self) -> None:
        self.optimizer.zero_grad()
        F.cross_entropy(self.logits(), self.labels).backward()
        self.optimizer.step()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--channels", type=int, default=3)
    parser.add_argument("--batch-size", type=int, default=2)
    parser.add_argument("--stem-stride", type=int, default=1)
    parser.add_argument("--width", type=float, default=1.0)
    parser.add_argument("--precision", choices=("fp32", "bf16"), default="fp32")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--device", default="cpu")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    device = choose_device(args.device)
    bf16 = args.precision == "bf16"
    torch.backends.cudnn.benchmark = device.type == "cuda"
    variants = {
        "MONAI, fp32": {"ours": False, "last": False, "bf16": False},
        f"MONAI, {args.precision}, channels last": {"ours": False, "last": True, "bf16": bf16},
        f"small stem, {args.precision}": {"ours": True, "last": False, "bf16": bf16},
        f"small stem, {args.precision}, channels last": {"ours": True, "last": True, "bf16": bf16},
    }
    rivals = {name: Runner(args, device, **kinds) for name, kinds in variants.items()}
    first = next(iter(rivals.values())).logits().detach()
    notes = {
        name: f"kept {saved_bytes(run.logits) / 1e6:.0f} MB, logits differ by "
        f"{(run.logits().detach() - first).abs().max():.1e}"
        for name, run in rivals.items()
    }
    # the way that fit_to_device.planned takes on this device
    ours = list(rivals)[3 if device.type == "cuda" else (1 if bf16 else 0)]
    found = race(rivals, repeats=args.repeats)
    shape = f"batch {args.batch_size} of {args.channels} x {args.size}^3"
    print(f"\ntraining step, {shape}, stem stride {args.stem_stride}, width {args.width}")
    print(f"{place(device)}; `{ours}` is what the workflow takes here\n")
    print(table(found, ours=ours, notes=notes))


if __name__ == "__main__":
    main()
