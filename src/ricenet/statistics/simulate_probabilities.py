"""Coverage of intervals of calibration and net benefit: simulated cohorts.

Evidence about a patient is normal in both classes, and probabilities follow by Bayes' rule at the
cohort's share of RICE: calibrated, with a slope of 1 and an intercept of 0. Class sizes are given.
``benchmarks/coverage.py`` prints the figures of ``docs/statistics.md``.
"""

from __future__ import annotations

import numpy as np
from scipy.special import expit, logit
from scipy.stats import norm

from ricenet.statistics import calibration, decision

THRESHOLD = 0.3  # of the net benefit
MANY = 200_000


def calibration_coverage(
    *, positive: int, negative: int, distance: float, cohorts: int, seed: int
) -> dict[str, float]:
    """Return how often nominal 95 % intervals cover the truth.

    Parameters
    ----------
    distance : float
        Between the class means of the evidence, in standard deviations.

    Returns
    -------
    dict
        Of the slope, the intercept, the Brier score and the net benefit at 0.3; ``no slope`` is how
        often the slope has no estimate, which counts as not covered.
    """
    rng = np.random.default_rng(seed)
    share = positive / (positive + negative)
    labels = np.repeat([1, 0], [positive, negative])
    many = (np.arange(MANY) < share * MANY).astype(int)

    def drawn(y: np.ndarray) -> np.ndarray:
        evidence = rng.normal(size=len(y)) + distance * (y - 0.5)
        return expit(distance * evidence + logit(share))

    odds = THRESHOLD / (1 - THRESHOLD)
    cut = (logit(THRESHOLD) - logit(share)) / distance
    rates = norm.sf(cut - distance / 2), norm.sf(cut + distance / 2)
    truth = {
        "slope": 1.0,
        "intercept": 0.0,
        "Brier score": calibration.brier(many, drawn(many)),
        "net benefit": share * rates[0] - (1 - share) * rates[1] * odds,
    }
    covered = dict.fromkeys((*truth, "no slope"), 0.0)
    for _ in range(cohorts):
        p = drawn(labels)
        intervals = {
            "slope": calibration.slope(labels, p, confidence=0.95),
            "intercept": calibration.intercept(labels, p, confidence=0.95),
            "Brier score": calibration.mean_square(labels, p, confidence=0.95),
            "net benefit": decision.net_benefit(labels, p, THRESHOLD, confidence=0.95).estimate,
        }
        for name, interval in intervals.items():
            covered[name] += bool(interval.low <= truth[name] <= interval.high) / cohorts
        covered["no slope"] += bool(np.isnan(intervals["slope"].value)) / cohorts
    return covered
