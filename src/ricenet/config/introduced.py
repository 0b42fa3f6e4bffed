"""Settings keys that came after studies had been finished without them.

Such a key is in a step's settings text only where it differs from the value that leaves results
as they were. So an upgrade that brings an option runs nothing again.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

# Section to key (dotted within the section) to the value at which everything is as before. When a
# key gets another default in config/config.yaml, its row here stays.
LATER: dict[str, dict[str, Any]] = {
    "ingest_dose": {"min_fraction_gy": 1.0, "max_fraction_gy": 8.0, "min_course_gy": 20.0},
    "align": {"max_frame_mm": 3.0},
    "register": {
        "max_repeatability_mm": 1.5,
        "max_brain_in_bone": 0.01,
        "min_information": 0.04,
        "min_left_right_information": 0.015,
    },
    "zscore": {"method": "zscore"},
    "train_model": {
        "model.network": "resnet18",
        "model.thresholds": [],
        "model.stem_kernel": None,
        "model.norm": "batch",
        "model.pooling": None,
        "model.dropout": 0.0,
        "averaged_weights": 0.0,
        "schedule": "constant",
        "warmup": 0.0,
        "optimizer": "adam",
        "label_smoothing": 0.0,
        "augmentation.mirror": 0.0,
    },
    "controls": {"untrained": 0},
    "evaluate": {"prevalences": [0.18], "contrasts": None},
    "report": {"statements": None, "synthetic": False},
}


def leave_out(section: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a section without the later keys that change nothing."""
    kept = copy.deepcopy(dict(values))
    for key, as_before in LATER.get(section, {}).items():
        *parents, last = key.split(".")
        place = kept
        for parent in parents:
            place = place[parent]
        if last in place and place[last] == as_before:
            del place[last]
    return kept


def fill_in(section: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings as a step reads them: the inverse of :func:`leave_out`."""
    filled = copy.deepcopy(dict(values))
    for key, as_before in LATER.get(section, {}).items():
        *parents, last = key.split(".")
        place = filled
        for parent in parents:
            place = place[parent]
        place.setdefault(last, as_before)
    return filled
