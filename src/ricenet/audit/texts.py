"""The text in a file of a study, wherever its format can hold any: piece by piece, with the place.

Voxels, weights and pictures' pixels are not text. Numbers of bytes and versions of packages, which
can look like dates, are left out.
"""

from __future__ import annotations

import json
import re
import struct
import zlib
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

Piece = tuple[str, str]  # place, text
NO_TEXT = ("bytes", "versions", "digest", "seal")  # keys of records
DATA_URI = re.compile(r"data:image/[a-z+]+;base64,[A-Za-z0-9+/=]*")
NIFTI_TEXT = ("data_type", "db_name", "descrip", "aux_file", "intent_name")
HEADER_BYTES = 2**16
GZIP_NAMED = 0x18  # RFC 1952: flags FNAME and FCOMMENT
PNG_TEXT = (b"tEXt", b"zTXt", b"iTXt", b"eXIf", b"tIME")


def of_file(path: Path) -> Iterator[Piece]:
    """Yield the pieces of text of a file.

    Raises
    ------
    OSError, ValueError, EOFError
        It is not of the format of its name; its digest is checked elsewhere.
    """
    name = path.name
    if name.endswith(".nii.gz"):
        yield from _of_nifti(path)
    elif name.endswith(".json"):
        yield from of_json(json.loads(path.read_text(encoding="utf-8")), "")
    elif name.endswith(".png"):
        yield from of_png(path.read_bytes())
    elif name.endswith(".safetensors"):
        yield "its header", _safetensors_header(path)
    elif name.endswith((".npy", ".h5")):
        with path.open("rb") as file:
            yield "its header", file.read(HEADER_BYTES if name[-1] == "5" else 128).decode("latin1")
    elif name.endswith(".html"):
        yield from of_html(path.read_text(encoding="utf-8", errors="replace"))
    else:
        yield from _of_lines(path.read_text(encoding="utf-8", errors="replace"))


def _of_lines(text: str) -> Iterator[Piece]:
    for number, line in enumerate(text.splitlines(), 1):
        yield f"line {number}", line


class _Page(HTMLParser):
    """Collects the text of a page; its tags and the names of attributes are not text."""

    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[Piece] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for value in (value for _, value in attrs if value):
            self.handle_data(DATA_URI.sub("", value))

    def handle_data(self, data: str) -> None:
        self.pieces.append((f"line {self.getpos()[0]}", data))

    def handle_comment(self, data: str) -> None:
        self.handle_data(data)


def of_html(text: str) -> Iterator[Piece]:
    """Yield the texts, comments and values of attributes of a page, without pictures."""
    page = _Page()
    page.feed(text)
    page.close()
    yield from page.pieces


def of_json(value: Any, where: str) -> Iterator[Piece]:
    """Yield the keys and texts of a JSON value; its whole numbers, too, for a date may be one."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield f"{where or 'its keys'}", str(key)
            if key not in NO_TEXT:
                yield from of_json(inner, f"{where}.{key}".lstrip("."))
    elif isinstance(value, list):
        for inner in value:
            yield from of_json(inner, where)
    elif isinstance(value, str):
        yield where, value
    elif isinstance(value, int) and not isinstance(value, bool):
        yield where, str(value)


def _of_nifti(path: Path) -> Iterator[Piece]:
    """Yield text fields and extensions of a NIfTI header, and the name that gzip may keep."""
    import nibabel as nib

    with path.open("rb") as file:
        start = file.read(10)
    if len(start) == 10 and start[3] & GZIP_NAMED:
        yield "its gzip header", _gzip_name(path)
    header: Any = nib.load(path).header
    for field in NIFTI_TEXT:
        text = bytes(header[field].tobytes()).rstrip(b"\0").decode("latin1")
        if text:
            yield f"its header ({field})", text
    for extension in header.extensions:
        yield "an extension of its header", _as_text(extension.get_content())


def _as_text(content: Any) -> str:
    return content.decode("latin1") if isinstance(content, bytes) else str(content)


def _gzip_name(path: Path) -> str:
    """Return the name and comment in a gzip header (RFC 1952).

    After an extra field nothing is looked for.
    """
    with path.open("rb") as file:
        return file.read(512)[10:].decode("latin1").split("\0\0")[0]


def of_png(content: bytes) -> Iterator[Piece]:
    """Yield text and time chunks of a PNG file (ISO/IEC 15948)."""
    offset = 8
    while offset + 8 <= len(content):
        (size,), kind = (
            struct.unpack(">I", content[offset : offset + 4]),
            content[offset + 4 : offset + 8],
        )
        if kind in PNG_TEXT:
            yield f"its chunk {kind.decode()}", _png_text(kind, content[offset + 8 :][:size])
        offset += 12 + size


def _png_text(kind: bytes, body: bytes) -> str:
    if kind == b"tIME":
        year, month, day = struct.unpack(">HBB", body[:4])
        return f"{year:04d}-{month:02d}-{day:02d}"
    keyword, _, rest = body.partition(b"\0")
    if kind == b"zTXt":
        rest = zlib.decompress(rest[1:])
    return (keyword + b" " + rest).decode("latin1")


def _safetensors_header(path: Path) -> str:
    with path.open("rb") as file:
        size = min(struct.unpack("<Q", file.read(8))[0], 2**24)
        header = json.loads(file.read(size))
    # names and offsets of the tensors are numbers of bytes, not text
    return "\n".join([*header, *map(str, header.get("__metadata__", {}).values())])
