"""Doses of a cohort that are unlike the others: reported, but no subject is held for them.

Nothing of a subject's own files depends on other subjects: who arrives touches nobody else.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

FEWEST = 5  # subjects; fewer have no others to be unlike
LIMIT = 3.5  # of the modified z-score
LEAST_SPREAD = 0.02  # of the median: a cohort of one schedule has hardly any


def unlike_others(near_maxima_gy: Mapping[str, float]) -> dict[str, Any]:
    """Return whose near-maximum is far from the cohort's, by the modified z-score.

    0.6745 (x - median) / MAD, the deviation's median MAD being at least 2 % of the median.

    Parameters
    ----------
    near_maxima_gy : mapping
        Subject to the near-maximum of the course in the brain, Gy.

    Returns
    -------
    dict
        ``median_gy`` and ``subjects`` (``near_maximum_gy``, ``z`` of each that is unlike the
        others); or ``not_made``, the reason.

    References
    ----------
    Iglewicz and Hoaglin, How to Detect and Handle Outliers (1993).
    """
    if len(near_maxima_gy) < FEWEST:
        return {"not_made": f"{len(near_maxima_gy)} doses are too few to compare"}
    values = np.array(list(near_maxima_gy.values()))
    median = float(np.median(values))
    spread = max(float(np.median(np.abs(values - median))), LEAST_SPREAD * median)
    scores = {s: 0.6745 * (gy - median) / spread for s, gy in near_maxima_gy.items()}
    return {
        "median_gy": round(median, 3),
        "subjects": {
            s: {"near_maximum_gy": round(near_maxima_gy[s], 3), "z": round(z, 2)}
            for s, z in scores.items()
            if abs(z) > LIMIT
        },
    }
