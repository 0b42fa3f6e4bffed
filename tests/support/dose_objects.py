"""Courses of dose objects, and what their ledger says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dicom_phantoms import (
    CANARIES,
    STORED,
    UID,
    dose,
    plan,
    read_dose,
)

FIRST, BOOST = f"{UID}.50", f"{UID}.51"


def course(**boost):
    """A plan of 60 Gy and a boost of 30 Gy on the same grid."""
    second = dose(number=2, plan=BOOST, stored=STORED // 2)
    return dose(), second, plan(), plan(uid=BOOST, planned=(5,), beams=(1,), **boost)


def digests(message: str) -> dict[str, str]:
    """Digest by maximum, as the message lists them."""
    return {gy: d for d, gy in re.findall(r"([0-9a-f]{8}) \([^)]*maximum ([\d.]+) Gy\)", message)}


def refusal(folder: Path, row: dict | None = None) -> str:
    with pytest.raises(ValueError) as caught:
        read_dose(folder, row)
    assert not any(c in str(caught.value) for c in (*CANARIES, str(folder)))
    return str(caught.value)
