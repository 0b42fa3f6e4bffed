"""Figures and intervals formatted for people, with the digits that the data support.

- No interval has a width of zero: where there is none, that is stated.
- No more digits than the patients support: one patient more or less changes a proportion by
  1 / n, so smaller differences than half of that are not shown. A half is rounded to the even
  digit, so that proportions add up.
- A classifier that gives every patient the same answer is labelled as such.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

NOT_AVAILABLE, NO_INTERVAL = "n/a", "no interval"
MOST_DIGITS = 2
NO_WIDTH = 1e-9
# of a classifier that gives every patient the same answer
ALL_RICE = "classifies every patient as RICE"
ALL_RECURRENCE = "classifies every patient as recurrence"
HALF_SEEN = 12  # decimals to which a half is one: what is beyond is noise of the arithmetic


def digits(n: int) -> int:
    """Return how many decimals ``n`` patients support: those of 1 / (2 n), one or two."""
    return min(MOST_DIGITS, max(1, math.ceil(math.log10(2 * n) - 1e-9))) if n > 0 else 1


def number(value: Any, n: int) -> str:
    """Format a figure of ``n`` patients; what is missing or not finite is "n/a"."""
    finite = _finite(value)
    return NOT_AVAILABLE if finite is None else fixed(finite, digits(n))


def interval(low: Any, high: Any, n: int) -> str:
    """Format an interval of a figure of ``n`` patients, as in "0.64 to 1.00".

    Limits that would look alike are rounded outwards. An infinite limit is none: "at least 0.40".
    Without limits, or without a width, there is "no interval".
    """
    a, b = _finite(low), _finite(high)
    if a is not None and str(high) == "inf":
        return f"at least {fixed(a, digits(n))}"
    if b is not None and str(low) == "-inf":
        return f"at most {fixed(b, digits(n))}"
    if a is None or b is None or b - a < NO_WIDTH:
        return NO_INTERVAL
    decimals = digits(n)
    if fixed(a, decimals) == fixed(b, decimals):
        scale = 10**decimals
        a, b = math.floor(a * scale) / scale, math.ceil(b * scale) / scale
    return f"{fixed(a, decimals)} to {fixed(b, decimals)}"


def estimate(value: Any, low: Any, high: Any, n: int) -> str:
    """Format a figure with its interval, as in "0.92 (0.64 to 1.00)"."""
    text = number(value, n)
    return text if text == NOT_AVAILABLE else f"{text} ({interval(low, high, n)})"


def p_value(value: Any) -> str:
    """Format a p value with three decimals; none is 0."""
    finite = _finite(value)
    if finite is None:
        return NOT_AVAILABLE
    return "< 0.001" if finite < 0.0005 else f"{finite:.3f}"


def right(confusion: Mapping[str, int]) -> str:
    """Return how many predictions are correct, as in "11 of 12 right"."""
    correct = confusion["true_positive"] + confusion["true_negative"]
    return f"{correct} of {sum(confusion.values())} right"


def constant(confusion: Mapping[str, int]) -> str:
    """Return a note where every patient gets the same answer; else nothing."""
    called = confusion["true_positive"] + confusion["false_positive"]
    n = sum(confusion.values())
    if n == 0 or 0 < called < n:
        return ""
    return ALL_RICE if called else ALL_RECURRENCE


def fixed(value: float, decimals: int) -> str:
    """Format with a fixed number of decimals, a half to the even digit.

    A share and what is left of it then add up: 42 and 38 of 80 are 0.52 and 0.48. The half is that
    of the decimal number: as a binary one 0.475 lies below it, and 0.525 above.
    """
    decimal = Decimal(repr(round(value, HALF_SEEN))).quantize(
        Decimal(1).scaleb(-decimals), rounding=ROUND_HALF_EVEN
    )
    return f"{decimal if decimal else abs(decimal):f}"  # -0.00 has no sign


def _finite(value: Any) -> float | None:
    try:
        as_float = float(value)
    except (TypeError, ValueError):
        return None
    return as_float if math.isfinite(as_float) else None
