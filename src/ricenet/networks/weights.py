"""The file of a network: its weights, and what they follow from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from ricenet.config import introduced
from ricenet.config.train import Model
from ricenet.networks import build

METADATA_KEY = "ricenet"  # one key: safetensors writes several in an order that changes each time


def save_model(path: Path, network: nn.Module, *, metadata: dict[str, Any]) -> None:
    """Write weights and their metadata to a safetensors file.

    Parameters
    ----------
    metadata : dict
        Everything that :func:`load_model` returns; it needs ``in_channels``, ``stem_stride`` and
        ``width``, and ``network`` where that is not the first one.
    """
    tensors = {k: v.detach().cpu().contiguous() for k, v in network.state_dict().items()}
    save_file(tensors, path, metadata={METADATA_KEY: json.dumps(metadata, sort_keys=True)})


def load_model(path: Path, *, device: torch.device) -> tuple[nn.Module, dict[str, Any]]:
    """Read a network, ready to predict.

    Returns
    -------
    nn.Module
        In evaluation mode, on the device.
    dict
        The metadata of the file. One without ``network`` was written before there was a choice.

    Raises
    ------
    ValueError
        Not a model file of this workflow, a network that this version does not know, or weights
        that do not fit.
    """
    try:
        with safe_open(path, framework="pt", device=str(device)) as file:
            metadata = json.loads((file.metadata() or {})[METADATA_KEY])
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        options = {key: metadata[key] for key in Model.model_fields if key in metadata}
        options = introduced.fill_in("train_model", {"model": options, "augmentation": {}})["model"]
        channels = metadata["in_channels"]
    except (SafetensorError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise _foreign(path, error) from error
    try:
        build.family(options["network"])
    except ValueError as error:
        raise ValueError(f"{path.name}: {error}") from None
    try:
        network = build.build(Model.model_validate(options), channels)
        network.load_state_dict(weights)
    except (TypeError, ValueError, RuntimeError) as error:
        raise _foreign(path, error) from error
    return network.to(device).eval(), metadata


def _foreign(path: Path, error: Exception) -> ValueError:
    what = type(error).__name__
    return ValueError(f"{path.name} is not a model of this workflow ({what}); train it again")
