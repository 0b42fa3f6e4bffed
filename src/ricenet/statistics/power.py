"""What a number of patients can detect: power of the exact McNemar test, and verdicts in words."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom

NAN = float("nan")
# shares of patients about whom two classifiers that both work may differ: 10 to 40 %
DISCORDANCES = tuple(percent / 100 for percent in range(10, 41))
SHOWN, NOT_SHOWN = "shown", "not shown"
CANNOT = "cannot be shown with this many patients"


@lru_cache(maxsize=1024)
def _fewest(n: int, level: float) -> NDArray:
    """Return the largest number on the smaller side at which the test rejects; -1 where never.

    One for each number of discordant patients from 0 to ``n``.
    """
    discordant = np.arange(n + 1)
    first = binom.ppf(level / 2, discordant, 0.5)  # the first with at least half the level below it
    rejects = 2 * binom.cdf(first, discordant, 0.5) <= level
    return np.where(rejects, first, first - 1)


def power(n: int, *, discordance: float, difference: float, level: float) -> float:
    """Return the power of the exact McNemar test, two-sided.

    Parameters
    ----------
    n : int
        Patients.
    discordance : float
        Share of patients whom exactly one of two classifiers gets right.
    difference : float
        Of the two accuracies; at most the discordance.
    level : float
        Of the test.
    """
    discordant, most = np.arange(n + 1), _fewest(n, level)
    share = (discordance + difference) / (2 * discordance)
    beyond = binom.cdf(most, discordant, 1 - share) + binom.cdf(most, discordant, share)
    return float((binom.pmf(discordant, n, discordance) * np.where(most >= 0, beyond, 0)).sum())


@lru_cache(maxsize=4096)
def smallest_detectable(n: int, *, discordance: float, level: float, wanted: float) -> float:
    """Return the smallest difference of two accuracies that is detected with the given power.

    NaN where not even the largest one is that goes with the discordance.
    """
    if n == 0 or power(n, discordance=discordance, difference=discordance, level=level) < wanted:
        return NAN
    low, high = 0.0, discordance
    while high - low > 1e-4:
        middle = (low + high) / 2
        if power(n, discordance=discordance, difference=middle, level=level) < wanted:
            low = middle
        else:
            high = middle
    return high


@lru_cache(maxsize=256)
def at_best(n: int, *, level: float, wanted: float) -> float:
    """Return the smallest detectable difference at the most favourable discordance.

    Of those in :data:`DISCORDANCES`; NaN where ``n`` patients can show nothing at any of them.
    """
    detectable_at = [
        smallest_detectable(n, discordance=d, level=level, wanted=wanted) for d in DISCORDANCES
    ]
    return float(np.nanmin(detectable_at)) if not np.all(np.isnan(detectable_at)) else NAN


def verdict(p: float, n: int, *, level: float, wanted: float, tests: int) -> str:
    """Return the verdict on a contrast in words.

    Parameters
    ----------
    p : float
        Adjusted for the family.
    n : int
        Patients.
    level : float
        At or below which a difference is shown.
    wanted : float
        Power that a detectable difference has.
    tests : int
        Contrasts of the family.

    Returns
    -------
    str
        :data:`SHOWN`, :data:`NOT_SHOWN`, or :data:`CANNOT` where so many patients have the wanted
        power for no difference at any of :data:`DISCORDANCES`.
    """
    if p <= level:
        return SHOWN
    return CANNOT if np.isnan(at_best(n, level=level / tests, wanted=wanted)) else NOT_SHOWN
