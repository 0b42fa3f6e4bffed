"""Seeds of all random numbers: digests of what each is for."""

from __future__ import annotations

import hashlib


def derive_seed(*parts: str | int) -> int:
    """Return a 63-bit seed from the text of its parts.

    The same on every machine and in every process.
    """
    text = "\x1f".join(map(str, parts))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1
