"""Means over few patients with Student's interval; below six patients the points are all there is.

The percentile bootstrap of a mean is no 95 % interval with so few: of two patients it spans their
values and covers 50 %, of six 85 %.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.special import expit, logit

from ricenet.statistics.metrics import Estimate

FEWEST = 6  # patients, below which there is no interval
NAN = float("nan")


def mean(values: NDArray, *, confidence: float) -> Estimate:
    """Return the mean of finite values with the t interval, none below :data:`FEWEST` values."""
    values = np.asarray(values, dtype=float)
    values = values[np.isfinite(values)]
    if not len(values):
        return Estimate(NAN, NAN, NAN)
    middle = float(values.mean())
    if len(values) < FEWEST:
        return Estimate(middle, NAN, NAN)
    error = float(values.std(ddof=1)) / np.sqrt(len(values))
    width = float(stats.t.ppf((1 + confidence) / 2, len(values) - 1)) * error
    return Estimate(middle, middle - width, middle + width)


def share(values: NDArray, *, confidence: float) -> Estimate:
    """Return the typical share: mean and t interval of the logits, as shares.

    Where some share is exactly 0 or 1, which has no logit, it is the mean without an interval.
    """
    values = np.asarray(values, dtype=float)
    values = values[np.isfinite(values)]
    if ((values <= 0) | (values >= 1)).any():
        return Estimate(float(values.mean()), NAN, NAN)
    return Estimate(*map(float, expit(mean(logit(values), confidence=confidence))))


def level_of_controls(largest: NDArray, *, percent: float = 95) -> float:
    """Return what a share of ``percent`` % of the controls' values stays below; NaN without any."""
    largest = np.asarray(largest, dtype=float)
    largest = largest[np.isfinite(largest)]
    return float(np.percentile(largest, percent)) if len(largest) else NAN
