"""Checks: a measured value, its limits, the verdict."""

from __future__ import annotations

import math
from typing import Any, TypeVar

T = TypeVar("T")


def verdict(
    name: str, value: float, *, at_least: float | None, at_most: float | None, unit: str
) -> dict[str, Any]:
    """Return a check as it is recorded: value, limits, and ``pass`` or ``fail``.

    Raises
    ------
    ValueError
        The value is not finite.
    """
    if not math.isfinite(value):
        raise ValueError(f"{name} is {value}; no verdict is possible")
    passed = (at_least is None or value >= at_least) and (at_most is None or value <= at_most)
    limits = {"at_least": at_least, "at_most": at_most}
    return {
        "check": name,
        "value": round(float(value), 6),
        "unit": unit,
        **{key: limit for key, limit in limits.items() if limit is not None},
        "verdict": "pass" if passed else "fail",
    }


def checked(value: T | None, message: str) -> T:
    """Return ``value``, or raise ``ValueError`` with ``message`` where it is None."""
    if value is None:
        raise ValueError(message)
    return value
