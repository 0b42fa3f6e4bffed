"""Checks: a measured value, its limits, the verdict; or why there is none.

A check that could not be made has not passed: it stands in the record with the verdict
:data:`NOT_MADE` and its reason, and shows as such wherever checks are shown.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, TypeVar

NOT_MADE = "not made"
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


def not_made(name: str, reason: str, *, holds: bool) -> dict[str, Any]:
    """Return the record's entry of a check that could not be made; gates use ``step.check``.

    Parameters
    ----------
    name : str
        As it is called when it can be made.
    reason : str
        Why it could not; no name, date or path.
    holds : bool
        Whether a person has to decide before the subject is processed further.
    """
    return {
        "check": name,
        "value": None,
        "unit": "",
        "verdict": NOT_MADE,
        "holds": holds,
        "reason": reason,
    }


def holds(check: Mapping[str, Any]) -> bool:
    """Return whether a check holds its subject back until a person decides."""
    return check["verdict"] == "fail" or bool(check["verdict"] == NOT_MADE and check.get("holds"))


def checked(value: T | None, message: str) -> T:
    """Return ``value``, or raise ``ValueError`` with ``message`` where it is None."""
    if value is None:
        raise ValueError(message)
    return value
