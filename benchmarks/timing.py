"""Timing of rivals in one run: interleaved, medians of paired repeats."""

from __future__ import annotations

import os
import platform
import statistics
import time
from collections.abc import Callable
from typing import NamedTuple

import torch


class Times(NamedTuple):
    """Seconds of one call: on the clock, and of all processor cores together."""

    wall: float
    cpu: float


def timed(work: Callable[[], object]) -> Times:
    """Time one call, with all work of a GPU done."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    start, spent = time.perf_counter(), time.process_time()
    work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return Times(time.perf_counter() - start, time.process_time() - spent)


def race(rivals: dict[str, Callable[[], object]], *, repeats: int) -> dict[str, list[Times]]:
    """Times of each rival; one after the other in every repeat, after one call unmeasured."""
    for work in rivals.values():
        work()
    found: dict[str, list[Times]] = {name: [] for name in rivals}
    for _ in range(repeats):
        for name, work in rivals.items():
            found[name].append(timed(work))
    return found


def table(found: dict[str, list[Times]], *, ours: str, notes: dict[str, str] | None = None) -> str:
    """Markdown table: medians, and the median over the pairs of rival by ours.

    On a busy machine the processor time is the steadier measure.
    """
    lines = [
        "| | ms | times ours | CPU ms | times ours | remark |",
        "|---|---|---|---|---|---|",
    ]
    for name in found:
        columns = []
        for kind in ("wall", "cpu"):
            theirs, own = ([getattr(t, kind) for t in found[n]] for n in (name, ours))
            ratio = statistics.median(a / b for a, b in zip(theirs, own, strict=True))
            columns.append(f"{1000 * statistics.median(theirs):.0f} | {ratio:.2f}")
        lines.append(f"| {name} | {' | '.join(columns)} | {(notes or {}).get(name, '')} |")
    return "\n".join(lines)


def place(device: torch.device) -> str:
    """What the figures were measured on, without the name of a machine."""
    if device.type == "cuda":
        hardware = torch.cuda.get_device_name(device)
    else:
        load = os.getloadavg()[0]
        hardware = f"CPU, {torch.get_num_threads()} thread(s), load average {load:.1f}"
    return f"{hardware}; torch {torch.__version__}; Python {platform.python_version()}"
