"""Whether a file can hold what its header claims, checked before anything is unpacked or allocated.

Compression makes a small file large in one step; no library here asks whether that is credible.
"""

from __future__ import annotations

from pathlib import Path

SMALL = 2**26  # bytes that may be claimed without a question: one image of ordinary size
SPARE = 16  # bytes at the end of a file that mean nothing; a NIfTI extension has at least as many
MAX_COMPRESSION = 200  # bytes out of one; real MR and CT reach 2 to 20, sparse doses some tens


def require_credible(claimed: int, path: Path, *, compressed: bool = True) -> None:
    """Raise ``ValueError`` where a file is too small for the bytes that it claims to hold."""
    stored = path.stat().st_size
    if not compressed and stored < claimed:
        raise ValueError(
            f"not a readable NIfTI file: truncated, {stored} of {claimed} bytes of voxels; copy it "
            f"again"
        )
    require_compression(claimed, stored)


def require_nothing_beyond(end: int, path: Path, *, compressed: bool) -> None:
    """Raise ``ValueError`` where a file continues after the bytes that its header announces.

    Then the voxels begin elsewhere, or there are more of them than the header says. What a gzip
    file unpacks to is read from its last bytes (RFC 1952); of several members that is the last
    one, which is never more than all of them.
    """
    size = path.stat().st_size
    if compressed:
        with path.open("rb") as file:
            file.seek(max(0, size - 4))
            size = int.from_bytes(file.read(4), "little")
    if size >= end + SPARE and end < 2**32:
        raise ValueError(
            f"the file holds {size - end} bytes beyond the image that its header announces: "
            f"vox_offset or the dimensions are wrong; convert the original series again"
        )


def require_compression(claimed: int, stored: int) -> None:
    """Raise ``ValueError`` where no image is compressed that much."""
    if claimed > SMALL and claimed > MAX_COMPRESSION * stored:
        raise ValueError(
            f"{stored} bytes claim to be {claimed}: implausible; export it again, uncompressed"
        )
