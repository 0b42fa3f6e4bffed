"""Timing of rivals in one run: interleaved, medians of paired repeats."""

from __future__ import annotations

import os
import platform
import statistics
import time
from collections.abc import Callable

import torch


def seconds(work: Callable[[], object]) -> float:
    """Time of one call, with all work of a GPU done."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    start = time.perf_counter()
    work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - start


def race(rivals: dict[str, Callable[[], object]], *, repeats: int) -> dict[str, list[float]]:
    """Seconds of each rival; one after the other in every repeat, after one call unmeasured."""
    for work in rivals.values():
        work()
    found: dict[str, list[float]] = {name: [] for name in rivals}
    for _ in range(repeats):
        for name, work in rivals.items():
            found[name].append(seconds(work))
    return found


def table(found: dict[str, list[float]], *, ours: str, notes: dict[str, str] | None = None) -> str:
    """Markdown table: medians, and the median over the pairs of rival by ours."""
    lines = ["| | median, ms | times ours | remark |", "|---|---|---|---|"]
    for name, times in found.items():
        ratio = statistics.median(a / b for a, b in zip(times, found[ours], strict=True))
        remark = (notes or {}).get(name, "")
        lines.append(f"| {name} | {1000 * statistics.median(times):.0f} | {ratio:.2f} | {remark} |")
    return "\n".join(lines)


def place(device: torch.device) -> str:
    """What the figures were measured on, without the name of a machine."""
    if device.type == "cuda":
        hardware = torch.cuda.get_device_name(device)
    else:
        load = os.getloadavg()[0]
        hardware = f"CPU, {torch.get_num_threads()} thread(s), load average {load:.1f}"
    return f"{hardware}; torch {torch.__version__}; Python {platform.python_version()}"
