"""Resume points of training: weights, optimiser and results so far, without pickle.

A file lies beside the model under a name made of everything that the weights follow from, but for
the path on the device, which it holds. One that does not fit, or is damaged, is ignored.
"""

from __future__ import annotations

import hashlib
import json
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from ricenet.step import staging

STATE, DIGEST = "state", "digest"


@dataclass
class State:
    """How far training has come, besides weights and optimiser.

    Attributes
    ----------
    epoch : int
        Epochs done.
    history : list of dict
        One row an epoch.
    last : list of float
        Probabilities of RICE of the validation subjects after the last epoch.
    best : dict
        ``epoch``, ``rank`` (macro F1, minus loss) and ``probabilities`` of the best epoch.
    execution : dict
        How the network ran on its device: bits repeat on the same path only.
    """

    epoch: int = 0
    history: list[dict[str, Any]] = field(default_factory=list)
    last: list[float] = field(default_factory=list)
    best: dict[str, Any] = field(default_factory=dict)
    execution: dict[str, Any] = field(default_factory=dict)


class ResumePoint(NamedTuple):
    """A file as it was read: tensors by name, and the state."""

    tensors: dict[str, torch.Tensor]
    state: State


def resume_path(folder: Path, identity: dict[str, Any]) -> Path:
    """Return the file of the resume point of exactly this training."""
    key = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:16]
    return folder / f"resume-{key}.safetensors"


def snapshot(
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    state: State,
    average: nn.Module | None = None,
) -> tuple[dict[str, torch.Tensor], str]:
    """Copy weights, their average and moments to the host, and the state to text."""
    tensors = {f"model.{k}": v for k, v in network.state_dict().items()}
    if average is not None:
        tensors |= {f"average.{k}": v for k, v in average.state_dict().items()}
    for i, moments in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{i}.{name}": value for name, value in moments.items()}
    order = torch.contiguous_format
    copies = {k: v.detach().cpu().clone(memory_format=order) for k, v in tensors.items()}
    return copies, json.dumps(asdict(state))


def write(path: Path, tensors: dict[str, torch.Tensor], text: str) -> None:
    """Write a resume point; the name holds the old or the whole new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = staging.temporary(path)
    try:
        save_file(tensors, temporary, metadata={STATE: text, DIGEST: _digest(tensors, text)})
        staging.sync(temporary)  # a lost node must not leave an empty file in place of the old one
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


class Writer:
    """Writes resume points while the training continues; at its end the last one is complete."""

    def __enter__(self) -> Writer:
        self._pool = ThreadPoolExecutor(max_workers=1)
        self._last: Future[None] | None = None
        return self

    def save(
        self,
        path: Path,
        network: nn.Module,
        optimizer: torch.optim.Optimizer,
        state: State,
        average: nn.Module | None = None,
    ) -> None:
        """Copy a resume point now, write it soon; an error of the one before is raised here."""
        self.wait()
        self._last = self._pool.submit(write, path, *snapshot(network, optimizer, state, average))

    def wait(self) -> None:
        """Wait until the last resume point is written; raise its error."""
        if self._last:
            self._last.result()

    def __exit__(self, kind: object, *_: object) -> None:
        self._pool.shutdown(wait=True)
        if kind is None:
            self.wait()


def read(path: Path) -> ResumePoint | None:
    """Read a resume point; None where there is no usable file."""
    if not path.is_file():
        return None
    try:
        with safe_open(path, framework="pt") as file:
            text, digest = (file.metadata()[key] for key in (STATE, DIGEST))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, KeyError, TypeError):
        return None
    if _digest(tensors, text) != digest:
        return None
    return ResumePoint(tensors, State(**json.loads(text)))


def restore(
    point: ResumePoint,
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    average: nn.Module | None = None,
) -> State:
    """Restore network, optimiser and average from a resume point; return its state."""
    tensors = point.tensors
    moments: dict[int, dict[str, torch.Tensor]] = {}
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    for name, tensor in tensors.items():
        if name.startswith("optimizer."):
            _, i, moment = name.split(".")
            if tensor.dim():  # in the memory format of its parameter, as in the run before
                tensor = torch.empty_like(parameters[int(i)], device="cpu").copy_(tensor)
            moments.setdefault(int(i), {})[moment] = tensor
    for prefix, module in (("model.", network), ("average.", average)):
        if module is not None:
            its = {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
            module.load_state_dict(its)
    optimizer.load_state_dict(optimizer.state_dict() | {"state": moments})
    return point.state


def remove_all(folder: Path) -> None:
    """Remove the resume points of a finished training, and those of other settings before it."""
    for path in folder.glob("resume-*.safetensors"):
        path.unlink(missing_ok=True)


def _digest(tensors: dict[str, torch.Tensor], text: str) -> str:
    digest = hashlib.sha256(text.encode())
    for name in sorted(tensors):
        digest.update(name.encode())
        digest.update(tensors[name].numpy().tobytes())
    return digest.hexdigest()
