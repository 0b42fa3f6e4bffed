"""Items of DICOM sequences, and the whole numbers in them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ricenet.dicom.files import numbers


def items(parent: Any, keyword: str, label: str) -> Sequence[Any]:
    """Return the items of a sequence, none where it is missing; an unreadable one is refused."""
    try:
        return parent.get(keyword) or ()
    except Exception:
        raise ValueError(f"{label}: {keyword} is not readable; export it again") from None


def whole(parent: Any, keyword: str, label: str) -> int:
    """Return one whole number."""
    return int(numbers(parent, keyword, label, count=1)[0])
