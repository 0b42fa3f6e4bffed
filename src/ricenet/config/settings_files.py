"""Settings files as Snakemake merges them, for programs that run beside it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

DEFAULTS = Path("config/config.yaml")


def merged(paths: Iterable[Path]) -> dict[str, Any]:
    """Return ``config/config.yaml`` updated by other files in turn; later ones take precedence."""
    from snakemake.utils import update_config

    values: dict[str, Any] = {}
    for path in (DEFAULTS, *paths):
        if not path.is_file():
            raise ValueError(f"{path}: no such settings file; run this where you run snakemake")
        update_config(values, yaml.safe_load(path.read_text(encoding="utf-8")) or {})
    return values
