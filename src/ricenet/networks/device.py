"""Where the networks run."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any, TypeVar

import torch

T = TypeVar("T")


def choose_device(name: str) -> torch.device:
    """Return the device of a setting: ``auto`` is the GPU where there is one.

    Raises
    ------
    ValueError
        A GPU is requested and there is none.
    """
    if name == "cuda" and not torch.cuda.is_available():
        raise ValueError("device is cuda and torch sees no GPU; set device to auto or cpu")
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(name)


def memory_bytes(device: torch.device) -> float:
    """Return the memory that is free on a GPU.

    Without bound for a CPU, whose memory the scheduler shares.
    """
    return torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else float("inf")


# the user's limits of oneDNN's instructions that leave it those without bf16
WITHOUT_BF16 = {"SSE41", "AVX", "AVX2", "AVX2_VNNI", "AVX512_CORE", "AVX512_CORE_VNNI"}


def computes_in_bf16(device: torch.device) -> bool:
    """Return whether a device has instructions for bfloat16, and is allowed to use them."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    limits = [os.environ.get(f"{name}_MAX_CPU_ISA", "") for name in ("ONEDNN", "DNNL")]
    return (
        torch.backends.mkldnn.is_available()
        and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
        and not WITHOUT_BF16.intersection(limit.upper() for limit in limits)
    )


def describe(device: torch.device) -> dict[str, Any]:
    """Describe what decides a device's kernels, without a name that reveals whose it is."""
    if device.type == "cuda":
        found = torch.cuda.get_device_properties(device)
        capability = f"{found.major}.{found.minor}"
        return {"type": "cuda", "name": found.name, "compute_capability": capability}
    return {
        "type": "cpu",
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "bf16_kernels": computes_in_bf16(device),
        "amx": bool(torch.cpu._is_amx_tile_supported()),
        "threads": torch.get_num_threads(),
    }


# an allocation that fails inside a library comes as that library's error
NO_MEMORY = (
    "can't allocate memory", "out of memory", "ALLOC_FAILED", "ALLOCATION_FAILED",
    "unable to find an engine",
)  # fmt: skip


def out_of_memory(error: BaseException) -> bool:
    """Return whether an error is a lack of memory, on the device or the host."""
    return isinstance(error, (torch.OutOfMemoryError, MemoryError)) or (
        isinstance(error, RuntimeError) and any(text in str(error) for text in NO_MEMORY)
    )


def in_halves(work: Callable[[torch.Tensor], T], batch: torch.Tensor) -> list[T]:
    """Process a batch, or its halves one by one where there is too little memory.

    Parameters
    ----------
    work : callable
    batch : (B, ...) tensor

    Returns
    -------
    list
        Of the work's results, in the order of the batch.
    """
    try:
        return [work(batch)]
    except RuntimeError as error:
        if len(batch) == 1 or not out_of_memory(error):
            raise
    torch.cuda.empty_cache()  # outside the handler: the traceback held tensors
    return [found for half in batch.split(-(-len(batch) // 2)) for found in in_halves(work, half)]


def first_line(error: BaseException) -> str:
    """Return the first line of an error's text, shortened and without paths.

    It goes into records.
    """
    lines = str(error).strip().splitlines() or [""]
    return without_paths(lines[0])[:200]


def without_paths(text: str) -> str:
    """Return a text whose paths are replaced: they may name users and patients.

    Replaced are quoted texts with a separator in them, and words that begin as paths of POSIX or
    Windows do, up to the last separator of their clause: folders may have spaces in their names.
    """
    text = re.sub(r"""(["'])[^"'\n]*[/\\][^"'\n]*\1""", r"\1<path>\1", text)
    begin = r"(?<![\w.<])(?:\.{0,2}/|~/|[A-Za-z]:[\\/]|\\\\)(?=\S)"
    return re.sub(begin + r"""(?:[^'":,;()\n]*[/\\])?[^\s'":,;()]*""", "<path>", text)


@contextmanager
def any_algorithm() -> Iterator[None]:
    """Allow kernels that are not bit-reproducible, whatever the program asks for."""
    with choices_of_kernels():
        torch.use_deterministic_algorithms(False)
        yield


def share_memory(device: torch.device, gb: float | None) -> None:
    """Limit this process to its share of a GPU's memory, where one is given."""
    if device.type == "cuda" and gb:
        index = torch.cuda.current_device() if device.index is None else device.index
        total = torch.cuda.get_device_properties(index).total_memory
        torch.cuda.set_per_process_memory_fraction(min(1.0, gb * 1e9 / total), index)


def to_device(tensor: torch.Tensor, device: torch.device) -> torch.Tensor:
    """Copy a tensor of the host, asynchronously where its memory can be pinned."""
    if device.type == "cuda":
        with suppress(RuntimeError):  # the system's limit of locked memory
            tensor = tensor.pin_memory()
    return tensor.to(device, non_blocking=True)


@contextmanager
def exact_float32(device: torch.device, *, own_kernels: bool = False) -> Iterator[None]:
    """Compute in float32 proper: no autocast, no TF32, no kernel picked by benchmarking.

    Parameters
    ----------
    own_kernels : bool
        torch's own convolutions instead of oneDNN's on a CPU, of cuDNN's on a GPU.
    """
    with ExitStack() as stack, warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # oneDNN's about TF32 on other devices
        stack.enter_context(torch.autocast(device.type, enabled=False))
        if device.type == "cuda":
            stack.enter_context(
                torch.backends.cudnn.flags(
                    enabled=not own_kernels, benchmark=False, deterministic=True, allow_tf32=False
                )
            )
            stack.enter_context(_matrices_without_tf32())
        elif own_kernels:
            stack.enter_context(torch.backends.mkldnn.flags(enabled=False))
        yield


@contextmanager
def _matrices_without_tf32() -> Iterator[None]:
    allowed = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = False
    try:
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32 = allowed


@contextmanager
def choices_of_kernels() -> Iterator[None]:
    """Restore, at the end, the process's choices of kernels: determinism, benchmarking, TF32."""
    strict = torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    race, tf32 = torch.backends.cudnn.benchmark, torch.backends.cudnn.allow_tf32
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(strict, warn_only=warn_only)
        torch.backends.cudnn.benchmark, torch.backends.cudnn.allow_tf32 = race, tf32
