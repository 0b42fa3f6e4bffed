"""What compressed pixel data claim to hold, read from their first bytes before any decoder.

A decoder believes the codestream and not the DICOM header: a few bytes can ask it for an image of
any size. Only markers are parsed here; nothing is decompressed.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil
from struct import unpack_from

import pydicom
from pydicom.encaps import generate_frames
from pydicom.uid import (
    JPEG2000TransferSyntaxes,
    JPEGLSTransferSyntaxes,
    JPEGTransferSyntaxes,
    RLELossless,
)

from ricenet.image import size_claims

RLE_PADDING = 1024  # some writers pad a segment with a run of zeros
# Start of frame: all of ISO/IEC 10918-1 table B.1, and JPEG-LS (ISO/IEC 14495-1 C.1.1)
FRAME_MARKERS = {*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC}
ALONE = {0x01, *range(0xD0, 0xD9)}  # markers without a length


def require_believable(data: pydicom.FileDataset, shape: tuple[int, int, int], label: str) -> None:
    """Compare each frame of compressed pixel data with the header.

    Parameters
    ----------
    data : FileDataset
        With pixel data and transfer syntax; anything uncompressed passes.
    shape : (frames, rows, columns)
        Of the header.
    label : str
        What messages call the file.

    Raises
    ------
    ValueError
        Another number of frames, another size, no size at all, or more than could be compressed.
    """
    if not data.file_meta.TransferSyntaxUID.is_compressed:
        return
    frames, *size = shape
    itemsize = ceil(data.BitsAllocated / 8)
    try:
        size_claims.require_compression(frames * size[0] * size[1] * itemsize, len(data.PixelData))
    except ValueError as error:
        raise ValueError(f"{label}: {error}") from None
    found = 0
    for frame in _frames(data, frames, label):
        _require_size(data.file_meta.TransferSyntaxUID, frame, tuple(size), itemsize, label)
        found += 1
    if found != frames:
        raise ValueError(
            f"{label}: {found} compressed frames, but {frames} announced; export it again"
        )


def _frames(data: pydicom.FileDataset, frames: int, label: str) -> Iterator[bytes]:
    try:
        yield from generate_frames(data.PixelData, number_of_frames=frames)
    except Exception as error:
        raise ValueError(
            f"{label}: the compressed pixel data are not divided into frames "
            f"({type(error).__name__}); export it again, uncompressed"
        ) from None


def _require_size(
    syntax: str, frame: bytes, size: tuple[int, ...], itemsize: int, label: str
) -> None:
    if syntax == RLELossless:
        problem = rle_problem(frame, size[0] * size[1], itemsize)
        if problem:
            raise ValueError(f"{label}: {problem}; export it again, uncompressed")
        return
    if syntax in JPEG2000TransferSyntaxes or frame[:4] == b"\xff\x4f\xff\x51":
        found = jpeg2000_size(frame)
    elif syntax in (*JPEGTransferSyntaxes, *JPEGLSTransferSyntaxes):
        found = jpeg_size(frame)
    else:
        raise ValueError(f"{label}: this transfer syntax is not supported; export it uncompressed")
    if found != (*size, 1):
        shown = "no size" if found is None else "{} rows, {} columns, {} components".format(*found)
        raise ValueError(
            f"{label}: the compressed pixel data claim {shown}, the header {size[0]} rows, "
            f"{size[1]} columns, 1 component; export it again, uncompressed"
        )


def jpeg2000_size(frame: bytes) -> tuple[int, int, int] | None:
    """Return the rows, columns, components from the SIZ marker (ISO/IEC 15444-1 A.5.1).

    None without one.
    """
    if frame[:4] != b"\xff\x4f\xff\x51" or len(frame) < 42:
        return None
    width, height, left, top = unpack_from(">4I", frame, 8)
    return height - top, width - left, unpack_from(">H", frame, 40)[0]


def jpeg_size(frame: bytes) -> tuple[int, int, int] | None:
    """Return the rows, columns, components from the start of frame (ISO/IEC 10918-1 B.2.2).

    None without.
    """
    if frame[:2] != b"\xff\xd8":
        return None
    place = 2
    while place + 10 <= len(frame) and frame[place] == 0xFF:
        marker = frame[place + 1]
        if marker == 0xFF:  # fill byte
            place += 1
        elif marker in ALONE:
            place += 2
        elif marker in FRAME_MARKERS:
            rows, columns, components = unpack_from(">HHB", frame, place + 5)
            return rows, columns, components
        else:
            place += 2 + max(2, unpack_from(">H", frame, place + 2)[0])
    return None


def rle_problem(frame: bytes, pixels: int, itemsize: int) -> str:
    """Return why an RLE frame does not hold one plane (PS3.5 annex G); empty if it does.

    Parameters
    ----------
    frame : bytes
        64 bytes of segment table, then segments.
    pixels : int
        Rows times columns.
    itemsize : int
        Bytes of a pixel; each has its own segment.
    """
    if len(frame) < 64:
        return f"an RLE frame of {len(frame)} bytes has no segment table"
    count, *starts = unpack_from("<16I", frame)
    if count != itemsize:
        return f"an RLE frame of {count} segments for pixels of {itemsize} bytes"
    ends = [*starts[1:count], len(frame)]
    for start, end in zip(starts[:count], ends, strict=True):
        found = rle_length(frame[start:end], pixels + RLE_PADDING)
        if not pixels <= found <= pixels + RLE_PADDING:
            return f"an RLE segment holds {found} bytes or more, {pixels} expected"
    return ""


def rle_length(segment: bytes, limit: int) -> int:
    """Return the bytes that an RLE segment unpacks to (PS3.5 G.3.2).

    Counting ends beyond ``limit``.
    """
    place = length = 0
    while place + 1 < len(segment) and length <= limit:
        head = segment[place]
        if head < 128:  # a literal run of head + 1 bytes, the last one perhaps cut off
            length += min(head + 1, len(segment) - place - 1)
            place += head + 2
        elif head > 128:  # the next byte, 257 - head times
            length += 257 - head
            place += 2
        else:
            place += 1
    return length
