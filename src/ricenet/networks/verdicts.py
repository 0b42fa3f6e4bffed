"""Verdicts on the kernels of a machine, kept so that jobs on the same machine can share them.

A verdict is a small JSON file in the user's cache folder, named by a digest of all that it follows
from: processor or GPU, versions, environment, shapes, code. It may be deleted at any time; without
the folder every job determines it itself. What a job relied on is in its own record.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import platform
from pathlib import Path
from typing import Any

import torch

from ricenet.provenance import atomic, software

# what determines for oneDNN, torch and MKL which instructions to use
LIMITS_OF_INSTRUCTIONS = (
    "ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA", "ONEDNN_CPU_ISA_HINTS", "DNNL_CPU_ISA_HINTS",
    "ATEN_CPU_CAPABILITY", "MKL_ENABLE_INSTRUCTIONS", "ONEDNN_DEFAULT_FPMATH_MODE",
    "DNNL_DEFAULT_FPMATH_MODE", "NVIDIA_TF32_OVERRIDE",
)  # fmt: skip


def folder() -> Path:
    """Return the cache folder of the user, by the XDG base directory specification."""
    named = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (named if named.is_absolute() else Path.home() / ".cache") / "ricenet"


def processor() -> str:
    """Return the model and instructions of the processor, as far as the system reports them."""
    with contextlib.suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        told = [line for line in lines if line.startswith(("model name", "flags", "Features"))]
        return "\n".join(sorted(set(told)))
    return platform.processor()


def machine(device: torch.device) -> dict[str, Any]:
    """Return all properties of a machine that decide which kernels run and their results."""
    cuda = device.type == "cuda"
    return {
        "node": platform.node(),
        "device": torch.cuda.get_device_name(device) if cuda else processor(),
        "capability": torch.backends.cpu.get_cpu_capability(),
        "versions": software.versions() | {"build": torch.__version__},
        "cuda": cuda_versions() if cuda else None,
        "limits": {name: os.environ.get(name) for name in LIMITS_OF_INSTRUCTIONS},
        "threads": torch.get_num_threads(),
    }


def choices() -> list[bool]:
    """Return this process's choices of kernels: determinism, benchmarking, TF32."""
    cudnn = torch.backends.cudnn
    return [torch.are_deterministic_algorithms_enabled(), cudnn.benchmark, cudnn.allow_tf32]


def cuda_versions() -> list[str]:
    """Return the versions of CUDA, of the driver and of cuDNN."""
    driver = getattr(torch._C, "_cuda_getDriverVersion", lambda: None)()
    return [str(v) for v in (torch.version.cuda, driver, torch.backends.cudnn.version())]


def key(what: str, device: torch.device, **facts: Any) -> str:
    """Return the digest of all that a verdict follows from; ``facts`` are of JSON's types."""
    content = {"machine": machine(device), **facts}
    text = json.dumps(content, sort_keys=True, default=str)
    return f"{what}-{hashlib.sha256(text.encode()).hexdigest()[:32]}"


def recall(name: str) -> dict[str, Any] | None:
    """Return the verdict that an earlier job stored; None where there is no usable one."""
    with contextlib.suppress(OSError, ValueError, RuntimeError):  # RuntimeError: no home folder
        verdict = json.loads((folder() / f"{name}.json").read_text(encoding="utf-8"))
        return verdict if isinstance(verdict, dict) else None
    return None


def keep(name: str, verdict: dict[str, Any]) -> None:
    """Keep a verdict for the jobs that follow; nothing happens where the folder is read-only."""
    with contextlib.suppress(OSError, RuntimeError):
        folder().mkdir(parents=True, exist_ok=True)
        atomic.write_json(folder() / f"{name}.json", verdict)
