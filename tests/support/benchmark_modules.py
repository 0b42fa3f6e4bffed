"""Modules of ``benchmarks/``, which is no package: a program there imports those beside it."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType

FOLDER = Path(__file__).parents[2] / "benchmarks"


def benchmark(name: str) -> ModuleType:
    """Import a module of ``benchmarks/`` as its own programs do.

    The folder is searched last, and only meanwhile: some of its names are those of libraries.
    """
    sys.path.append(str(FOLDER))
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(str(FOLDER))
