"""Figures of cross-validation: what follows from the variation over folds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.stats import t as student

from ricenet.statistics.metrics import Estimate

NAN = float("nan")
FEWEST_FOLDS = 3  # two values have no spread worth the name


class FoldMean(NamedTuple):
    """Mean over folds with an interval from their variation.

    Attributes
    ----------
    value, sd : float
        Mean and standard deviation of the folds where the figure is defined.
    low, high : float
        Interval of Nadeau and Bengio.
    p : float
        Two-sided, of the mean being 0.
    folds : int
        Folds that were used.
    """

    value: float
    sd: float
    low: float
    high: float
    p: float
    folds: int


def nadeau_bengio(values: Sequence[float], *, confidence: float) -> FoldMean:
    """Average a figure over folds; its interval is for a new study of this size.

    The models of two folds share most of their training cases, so folds vary together and less than
    new studies would. The variance is multiplied by 1 / K + (validation cases / training cases)
    instead of 1 / K (Nadeau and Bengio, Mach Learn 52:239, 2003).

    Parameters
    ----------
    values : sequence of float
        One a fold, also those where the figure is not defined (NaN), which are left out.

    Returns
    -------
    FoldMean
        Below three defined folds, or where all agree, there is no interval, and below three no
        deviation: NaN.
    """
    defined = np.array([v for v in values if not np.isnan(v)])
    n = len(defined)
    value = float(defined.mean()) if n else NAN
    if n < FEWEST_FOLDS:
        return FoldMean(value, NAN, NAN, NAN, NAN, n)
    sd = float(defined.std(ddof=1))
    if sd < 1e-12:
        return FoldMean(value, 0.0, NAN, NAN, NAN, n)
    error = sd * np.sqrt(1 / n + 1 / (len(values) - 1))
    half = error * student.ppf((1 + confidence) / 2, n - 1)
    p = 2 * student.sf(abs(value) / error, n - 1)
    return FoldMean(value, sd, value - half, value + half, float(p), n)


def no_narrower(mean: FoldMean, pooled: Estimate) -> tuple[float, float]:
    """Return the limits of a mean of folds, widened to those of the pooled patients.

    The spread of few folds may be small by chance.
    """
    limits = [(mean.low, mean.high), (pooled.low, pooled.high)]
    return float(np.nanmin([a for a, _ in limits])), float(np.nanmax([b for _, b in limits]))
