"""Where the networks run."""

from __future__ import annotations

import torch


def choose_device(name: str) -> torch.device:
    """Device of a setting: ``auto`` is the GPU where there is one.

    Raises
    ------
    ValueError
        A GPU is asked for and there is none.
    """
    if name == "cuda" and not torch.cuda.is_available():
        raise ValueError("device is cuda and torch sees no GPU; set device to auto or cpu")
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(name)


def memory_bytes(device: torch.device) -> float:
    """Memory that is free on a GPU; without bound for a CPU, whose memory the scheduler shares."""
    return torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else float("inf")


def to_device(tensor: torch.Tensor, device: torch.device) -> torch.Tensor:
    """Copy a tensor of the host without a wait for the device."""
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor
