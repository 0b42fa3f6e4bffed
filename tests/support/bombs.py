"""Small files that ask for much: made in code, each named by what it claims."""

from __future__ import annotations

import gzip
import struct
import zlib
from pathlib import Path

import nibabel as nib
import numpy as np
from pydicom.encaps import encapsulate
from pydicom.uid import (
    JPEG2000Lossless,
    JPEGExtended12Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from dicom_phantoms import slice_of

EXPLICIT, DEFLATED = b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.1.99"
ZEROS = bytes(2**24)
FOREVER = struct.pack("<I", 0xFFFFFFFF)  # undefined length


def nifti(path: Path, shape: tuple[int, ...], inflated: int | None = None) -> Path:
    """NIfTI that claims a float32 shape; ``inflated`` bytes of zeros follow the header."""
    header = nib.Nifti1Header()
    header.set_data_dtype(np.float32)
    header.set_sform(np.eye(4), 1)
    header["magic"], header["vox_offset"] = b"n+1", 352
    header["dim"][:4] = [3, *shape]
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "wb") as file:
        file.write(header.binaryblock + b"\0\0\0\0")
    if inflated:  # members of a gzip file are read as one
        with path.open("ab") as file:
            file.write(gzip.compress(ZEROS, 9) * (inflated // len(ZEROS)))
    return path


def parts(folder: Path) -> tuple[bytes, bytes]:
    """Bytes of a sound slice: preamble and file meta group; data set."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "sound.dcm"
    slice_of(0).save_as(path, enforce_file_format=True)
    raw = path.read_bytes()
    path.unlink()
    start = 144 + struct.unpack_from("<I", raw, 140)[0]
    return raw[:start], raw[start:]


def deflated(folder: Path, *, marked: bool) -> Path:
    """4 GB of zeros in 4 MB; with or without preamble and ``DICM``."""
    meta, _ = parts(folder)
    pack = zlib.compressobj(9, zlib.DEFLATED, -15)
    # a block after a full flush depends on nothing before it: it can be repeated
    body = (pack.compress(ZEROS) + pack.flush(zlib.Z_FULL_FLUSH)) * 256 + pack.flush()
    # two characters longer than the syntax it replaces: the length fields follow
    place = meta.find(EXPLICIT)
    meta = meta[: place - 2] + struct.pack("<H", len(DEFLATED)) + DEFLATED + meta[place + 20 :]
    meta = meta[:140] + struct.pack("<I", len(meta) - 144) + meta[144:]
    (folder / "a.dcm").write_bytes((meta if marked else meta[132:]) + body)
    return folder


def nested(folder: Path, depth: int, *, defined: bool) -> Path:
    """Sequences in each other, of undefined length, or as far as they fit of defined length."""
    meta, body = parts(folder)
    inner = b""
    for _ in range(depth):
        size = [len(inner), len(inner) + 8] if defined else [0xFFFFFFFF] * 2
        ends = (b"", b"") if defined else (b"\xfe\xff\x0d\xe0\0\0\0\0", b"\xfe\xff\xdd\xe0\0\0\0\0")
        item = b"\xfe\xff\x00\xe0" + struct.pack("<I", size[0]) + inner + ends[0]
        tag = struct.pack("<HH", 0x5200, 0x9230)  # PerFrameFunctionalGroupsSequence
        inner = tag + b"SQ\0\0" + struct.pack("<I", size[1]) + item + ends[1]
    place = body.find(struct.pack("<HH", 0x7FE0, 0x0010))
    (folder / "a.dcm").write_bytes(meta + body[:place] + inner + body[place:])
    return folder


def claims_length(folder: Path, group: int, element: int, vr: bytes) -> Path:
    """Slices, one of which ends in an element that claims 4 GB."""
    meta, body = parts(folder)
    series(folder, lambda data: None)
    new = struct.pack("<HH", group, element) + vr + b"\0\0" + struct.pack("<I", 0xFFFFFFF0)
    place = body.find(b"\xe0\x7f\x10\0")
    (folder / "1.dcm").write_bytes(meta + body[:place] + new + b"x" * 20)
    return folder


def series(folder: Path, change, count: int = 4) -> Path:
    """Slices, one of which is changed."""
    folder.mkdir(parents=True, exist_ok=True)
    for k in range(count):
        data = slice_of(k, shape=(16, 16))
        if k == 1:
            change(data)
        data.save_as(folder / f"{k}.dcm", enforce_file_format=True)
    return folder


def encapsulated(syntax, *frames: bytes):
    """Change of a slice: its pixels become these compressed frames."""

    def change(data) -> None:
        data.PixelData = encapsulate(list(frames))
        data["PixelData"].VR, data["PixelData"].is_undefined_length = "OB", True
        data.file_meta.TransferSyntaxUID = syntax

    return change


def jpeg2000(rows: int, columns: int, components: int = 1) -> bytes:
    """Start of a codestream: SOC and SIZ (ISO/IEC 15444-1 A.5.1), nothing after it."""
    grid = struct.pack(">8I", columns, rows, 0, 0, columns, rows, 0, 0)
    siz = struct.pack(">HH", 38 + 3 * components, 0) + grid + struct.pack(">H", components)
    return b"\xff\x4f\xff\x51" + siz + b"\x0f\x01\x01" * components + b"\xff\xd9"


def jpeg(rows: int, columns: int, marker: int) -> bytes:
    """Start of image, a comment, start of frame (ISO/IEC 10918-1 B.2.2), end of image."""
    frame = struct.pack(">HBHHB3B", 11, 16, rows, columns, 1, 1, 0x11, 0)
    return b"\xff\xd8\xff\xfe\0\x06abcd\xff" + bytes([marker]) + frame + b"\xff\xd9"


def rle(pixels: int, *, segments: int = 2, starts: tuple[int, ...] | None = None) -> bytes:
    """RLE frame of zeros (PS3.5 annex G): each segment unpacks to ``pixels`` bytes, 128 a run."""
    body = b"\x81\x00" * (pixels // 128)
    found = starts or tuple(64 + i * len(body) for i in range(segments))
    table = [segments, *found, *[0] * (15 - len(found))]
    return struct.pack("<16I", *table) + body * segments


def size(rows: int, columns: int):
    """Change of a slice: the header claims another matrix, the pixels stay."""

    def change(data) -> None:
        data.Rows, data.Columns = rows, columns

    return change


def frames(value: str):
    """Change of a slice: NumberOfFrames as it stands in the file, whatever it is."""

    def change(data) -> None:
        from pydicom.dataelem import RawDataElement
        from pydicom.tag import Tag

        text = value.encode() + b" " * (len(value) % 2)
        tag = Tag("NumberOfFrames")
        data._dict[tag] = RawDataElement(tag, "IS", len(text), text, 0, False, True)

    return change


LARGE = {
    "jpeg2000 claims 60000 x 60000": encapsulated(JPEG2000Lossless, jpeg2000(60000, 60000)),
    "jpeg2000 claims 3 components": encapsulated(JPEG2000Lossless, jpeg2000(16, 16, 3)),
    "jpeg2000 without size": encapsulated(JPEG2000Lossless, b"\xff\x4f\xff\x52" + bytes(60)),
    "jpeg-ls claims 60000 x 60000": encapsulated(JPEGLSLossless, jpeg(60000, 60000, 0xF7)),
    "jpeg lossless claims 60000 x 60000": encapsulated(JPEGLosslessSV1, jpeg(60000, 60000, 0xC3)),
    "jpeg claims 60000 x 60000": encapsulated(JPEGExtended12Bit, jpeg(60000, 60000, 0xC1)),
    "jpeg-ls without size": encapsulated(JPEGLSLossless, b"\xff\xd8\xff\xd9" + bytes(20)),
    "rle unpacks to 2 x 1 GB": encapsulated(RLELossless, rle(2**30)),
    "rle with 15 segments": encapsulated(RLELossless, rle(256, segments=15)),
    "rle table leads outside": encapsulated(RLELossless, rle(256, starts=(64, 4_000_000_000))),
    "rle too short": encapsulated(RLELossless, rle(128)),
    "more frames than announced": encapsulated(RLELossless, rle(256), rle(256)),
}
