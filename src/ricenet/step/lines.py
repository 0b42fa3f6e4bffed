"""Lines for the log on what a step has checked: words for people, which no result depends on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ricenet.step.checks import NOT_MADE


def as_line(check: Mapping[str, Any]) -> str:
    """Return one line for the log on a check that did not pass."""
    if check["verdict"] == NOT_MADE:
        return f"check not made: {check['check']}: {check['reason']}"
    limits = {key: check.get(key) for key in ("at_least", "at_most")}
    shown = f"{check['check']} = {check['value']:.4g} {check['unit']}"
    return f"check failed: {shown} (limits {limits})"
