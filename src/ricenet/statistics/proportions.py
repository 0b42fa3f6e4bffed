"""Two proportions of different patients."""

from __future__ import annotations

import numpy as np

from ricenet.statistics.metrics import Estimate, wilson

NAN = float("nan")


def difference(first: tuple[int, int], second: tuple[int, int], *, confidence: float) -> Estimate:
    """Estimate the difference of two independent proportions (Newcombe, Stat Med 17:873, 1998).

    Method 10: Wilson's limits of both are joined by their squares.

    Parameters
    ----------
    first, second : (int, int)
        So many of so many; NaN where one is of none.
    """
    if not first[1] or not second[1]:
        return Estimate(NAN, NAN, NAN)
    a, b = (wilson(*pair, confidence=confidence) for pair in (first, second))
    value = a.value - b.value
    low = value - np.hypot(a.value - a.low, b.high - b.value)
    high = value + np.hypot(a.high - a.value, b.value - b.low)
    return Estimate(value, max(-1.0, float(low)), min(1.0, float(high)))
