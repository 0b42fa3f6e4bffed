"""Run a step's main on files of a temporary folder."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ricenet.image.volume import Volume, save


def run_step(main: Callable, record: Path, settings: dict | None = None, **flags: Any) -> dict:
    """Call ``main`` with ``--flag value`` for each keyword (a list: several values); its record."""
    argv = ["--record", str(record), "--settings", json.dumps(settings or {})]
    for name, value in flags.items():
        values = value if isinstance(value, list) else [value]
        argv += [f"--{name.replace('_', '-')}", *map(str, values)]
    main(argv)
    return json.loads(record.read_text())


def put(path: Path, data, affine) -> Path:
    """Save a volume; its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    save(path, Volume(data, affine))
    return path


def put_record(path: Path, **facts: Any) -> Path:
    """A record that holds facts only; its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"facts": facts}))
    return path
