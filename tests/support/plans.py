"""Analysis plans of test studies."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

PLAN = {
    "seen_before": "nothing",
    "primary_metric": "macro_f1",
    "secondary_metrics": ["sensitivity"],
    "ensemble": "vote",
    "threshold": "0.5",
    "prevalences": [0.18],
    "contrasts": [],
    "tables": [],
    "seed": 2026,
}


def write_plan(path: Path, inputs: Sequence[str], **changes: Any) -> str:
    """Write a plan about some input combinations; its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump({**PLAN, "inputs": list(inputs), **changes}))
    return str(path)


def plan_of(values: dict[str, Any], path: Path, **changes: Any) -> str:
    """Write a plan about one input combination of a study's settings; its path."""
    channels = [c["name"] for c in values["channels"] if c["kind"] != "mask"]
    chosen = values.get("input_combinations", "all")
    inputs = ["-".join(channels)] if chosen == "all" else chosen[:1]
    changes.setdefault("seed", values["train_model"]["seed"])
    return write_plan(path, inputs, **changes)
