"""Ways to damage a file, each drawn from a random generator: what a fuzz test throws at ingest."""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable

import nibabel as nib
import numpy as np

VRS = b"AE AS AT CS DA DS DT FL FD IS LO LT OB OF OW PN SH SL SQ SS ST TM UI UL UN US UT".split()
ELEMENT = re.compile(rb"(" + b"|".join(VRS) + rb")[\0-\x40]")
NUMBERS = (b"-1", b"0", b"99999999", b"1e300", b"nan", b"inf", b"1e-300", b"\\\\", b"x", b"")
Damage = Callable[[np.random.Generator, bytes], bytes]


def _place(rng: np.random.Generator, raw: bytes, *, header: bool = False) -> int:
    """Anywhere, or half of the time near the beginning, where the header is."""
    end = min(len(raw), 2000) if header or rng.random() < 0.5 else len(raw)
    return int(rng.integers(max(end, 1)))


def flip(rng: np.random.Generator, raw: bytes) -> bytes:
    out = bytearray(raw)
    for _ in range(int(rng.choice([1, 1, 3, 20]))):
        out[_place(rng, raw)] ^= 1 << int(rng.integers(8))
    return bytes(out)


def overwrite(rng: np.random.Generator, raw: bytes) -> bytes:
    at, size = _place(rng, raw), int(rng.integers(1, 40))
    new = bytes([int(rng.choice([0, 255, 128]))]) * size if rng.random() < 0.5 else rng.bytes(size)
    return raw[:at] + new + raw[at + size :]


def truncate(rng: np.random.Generator, raw: bytes) -> bytes:
    return raw[: _place(rng, raw)]


def insert(rng: np.random.Generator, raw: bytes) -> bytes:
    at = _place(rng, raw)
    return raw[:at] + rng.bytes(int(rng.choice([1, 2, 7, 300]))) + raw[at:]


def delete(rng: np.random.Generator, raw: bytes) -> bytes:
    at = _place(rng, raw)
    return raw[:at] + raw[at + int(rng.choice([1, 2, 7, 300])) :]


def repeat(rng: np.random.Generator, raw: bytes) -> bytes:
    at, size = _place(rng, raw), int(rng.integers(2, 400))
    return raw[: at + size] + raw[at:]


def _element(rng: np.random.Generator, raw: bytes) -> int:
    """Place of the VR of an element."""
    found = [m.start() for m in ELEMENT.finditer(raw, 132, 40_000)]
    return int(rng.choice(found)) if found else _place(rng, raw)


def length(rng: np.random.Generator, raw: bytes) -> bytes:
    at = _element(rng, raw) + 2
    size, skip = (4, 2) if raw[at : at + 2] == b"\0\0" else (2, 0)
    new = [b"\xff" * size, b"\0" * size, b"\1\0\0\0"[:size], rng.bytes(size), b"\xf0" + b"\xff" * 3]
    at += skip
    return raw[:at] + new[int(rng.integers(5))][:size] + raw[at + size :]


def swap_vr(rng: np.random.Generator, raw: bytes) -> bytes:
    at = _element(rng, raw)
    return raw[:at] + VRS[int(rng.integers(len(VRS)))] + raw[at + 2 :]


def tag(rng: np.random.Generator, raw: bytes) -> bytes:
    at = max(0, _element(rng, raw) - 4)
    return raw[:at] + rng.bytes(4) + raw[at + 4 :]


def number(rng: np.random.Generator, raw: bytes) -> bytes:
    """Another number of the same width in place of digits; or of a two-byte value."""
    found = [m.span() for m in re.finditer(rb"-?\d[\d.e+-]*", raw[132:40_000])]
    if rng.random() < 0.4 or not found:
        at = _element(rng, raw) + 4
        return raw[:at] + rng.bytes(2) + raw[at + 2 :]
    start, end = (132 + x for x in found[int(rng.integers(len(found)))])
    new = NUMBERS[int(rng.integers(len(NUMBERS)))][: end - start].ljust(end - start)
    return raw[:start] + new + raw[end:]


ANY: tuple[Damage, ...] = (flip, overwrite, truncate, insert, delete, repeat)
DICOM: tuple[Damage, ...] = (*ANY, length, length, swap_vr, swap_vr, tag, number, number, number)


def nifti_field(rng: np.random.Generator, raw: bytes) -> bytes:
    """One field of a NIfTI header set to an extreme or to noise."""
    fields = nib.nifti1.header_dtype.fields
    names = ("dim", "pixdim", "datatype", "bitpix", "vox_offset", "scl_slope", "scl_inter")
    names += ("qform_code", "sform_code", "quatern_b", "srow_x", "srow_z", "magic", "sizeof_hdr")
    kind, at = fields[names[int(rng.integers(len(names)))]][:2]
    at += int(rng.integers(kind.shape[0])) * kind.base.itemsize if kind.shape else 0
    size = kind.base.itemsize
    new = (b"\xff" * size, b"\0" * size, b"\xff" * (size - 1) + b"\x7f", rng.bytes(size))
    return raw[:at] + new[int(rng.integers(4))] + raw[at + size :]


NIFTI: tuple[Damage, ...] = (*ANY, nifti_field, nifti_field, nifti_field, nifti_field)


def damaged(rng: np.random.Generator, name: str, raw: bytes) -> bytes:
    """Damage a file by its kind; of a compressed one what is inside, half of the time."""
    ways = NIFTI if ".nii" in name else DICOM
    inside = name.endswith(".gz") and rng.random() < 0.7
    raw = gzip.decompress(raw) if inside else raw
    for _ in range(int(rng.choice([1, 1, 2]))):
        raw = ways[int(rng.integers(len(ways)))](rng, raw or b"\0")
    return gzip.compress(raw, 1, mtime=0) if inside else raw
