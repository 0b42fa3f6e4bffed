"""Digests of what a result is made of: texts, files, voxels."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ricenet.image.volume import Volume


def text_digest(text: str) -> str:
    """Return the first 16 digits of the sha256 of a text."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def bytes_digest(path: str | Path) -> str:
    """Return the sha256 of a file's bytes."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def folder_digest(folder: str | Path) -> str:
    """Return the sha256 of the names and bytes of all files below a folder."""
    digest = hashlib.sha256()
    for path in sorted(path for path in Path(folder).rglob("*") if path.is_file()):
        digest.update(f"{path.relative_to(folder).as_posix()} {bytes_digest(path)}\n".encode())
    return digest.hexdigest()


def volume_digest(volume: Volume) -> str:
    """Return the sha256 of shape, affine (float32, as NIfTI stores it) and voxels.

    Blind to compression.
    """
    import numpy as np

    data = np.asarray(volume.data)
    digest = hashlib.sha256(f"{data.dtype.name} {data.shape}".encode())
    digest.update(np.ascontiguousarray(volume.affine, dtype="<f4").tobytes())
    digest.update(np.ascontiguousarray(data.astype(data.dtype.newbyteorder("<"))).tobytes())
    return digest.hexdigest()


def file_digest(path: str | Path) -> str:
    """Return the digest of a file's content: of the voxels for NIfTI, of the bytes for the rest."""
    if str(path).endswith(".nii.gz"):
        from ricenet.image import volume

        return volume_digest(volume.load(path, parts=True))
    return bytes_digest(path)
