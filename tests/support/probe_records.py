"""Records of subjects for probes: what differs between them by chance, and what by their label."""

from __future__ import annotations

from typing import Any

import numpy as np


def records(label: int, rng: np.random.Generator, *, shortcut: bool) -> dict[str, Any]:
    """Records of one subject; with the shortcut the scanner of a RICE has a longer echo."""
    echo = rng.normal(3.0, 0.3) + 1.2 * (label if shortcut else 0)
    facts = {
        "source": "dicom",
        "acquisition": {
            "echo_ms": round(echo, 2), "repetition_ms": round(rng.normal(8, 1), 1),
            "inversion_ms": None, "contrast_agent": True, "sequence": ["GR"],
        },
    }  # fmt: skip
    output = {"spacing_mm": [1.0, 1.0, float(rng.choice([1.0, 3.0]))], "shape": [200, 200, 80]}
    native = {"facts": facts, "outputs": {"out": [output]}}
    return {
        "event_native": native,
        "timeline": {"facts": {"days": {
            "event": 400, "radiotherapy_first": 20, "radiotherapy_last": 62,
        }}},
        "dose_native": {"facts": {"ledger": {
            "prescription_gy": float(rng.choice([40.0, 60.0])),
            "fractions": int(rng.choice([15, 30])),
        }}},
    }  # fmt: skip
