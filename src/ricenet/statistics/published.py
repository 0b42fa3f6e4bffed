"""Figures of published work, read from ``published.json``, to stand beside a study's own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("published.json")
_CONTENT: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
SOURCE: str = _CONTENT["source"]
PATIENTS: dict[str, dict[str, int]] = _CONTENT["patients"]
# by set and inputs
FIGURES: dict[tuple[str, str], dict[str, Any]] = {
    (entry["set"], entry["inputs"]): entry for entry in _CONTENT["figures"]
}


def _macro_f1(of: str) -> dict[str, float | None]:
    return {
        inputs: entry["macro_f1"] and float(entry["macro_f1"])
        for (own, inputs), entry in FIGURES.items()
        if own == of
    }


PUBLISHED_VALIDATION_F1, PUBLISHED_TEST_F1 = _macro_f1("validation"), _macro_f1("test")
