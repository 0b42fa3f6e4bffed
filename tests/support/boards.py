"""Files that a board is read from."""

from __future__ import annotations

import os
from pathlib import Path

from ricenet.provenance import atomic


def note(root: Path, name: str, step_name: str, why: str, *, at: float = 2000.0) -> None:
    path = root / "logs" / name / f"{step_name}.failed.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {"step": step_name, "place": f"{name}/event_native", "why": why}
    atomic.write_json(path, content)
    os.utime(path, (at, at))


def cache(root: Path, name: str, *, at: float = 1000.0) -> None:
    path = root / "caches" / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("{}")
    os.utime(path, (at, at))
