"""How far several raters agree on the same objects: here the models of the folds on the cubes.

Ratings are ``(M, P)``: rater, object.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata


def pairwise_spearman(ratings: NDArray) -> NDArray:
    """Return Spearman's correlation of each pair of raters, (M (M - 1) / 2,) in their order.

    NaN where a rater says the same of all objects.
    """
    ranks = [rankdata(row) for row in np.asarray(ratings, dtype=float)]
    found = [
        float(np.corrcoef(a, b)[0, 1]) if np.ptp(a) > 0 and np.ptp(b) > 0 else np.nan
        for a, b in combinations(ranks, 2)
    ]
    return np.array(found)


def icc_2_1(ratings: NDArray) -> float:
    """Return the intraclass correlation ICC(2,1): absolute agreement of single raters.

    Two-way random effects (Shrout and Fleiss, Psychol Bull 86:420, 1979). NaN with fewer than two
    raters or objects, or where nothing varies.
    """
    ratings = np.asarray(ratings, dtype=float)
    raters, objects = ratings.shape
    if raters < 2 or objects < 2 or np.ptp(ratings) == 0:
        return float("nan")
    grand = ratings.mean()
    by_object, by_rater = ratings.mean(axis=0) - grand, ratings.mean(axis=1) - grand
    rest = ratings - grand - by_object - by_rater[:, None]
    of_objects = raters * (by_object**2).sum() / (objects - 1)
    of_raters = objects * (by_rater**2).sum() / (raters - 1)
    error = (rest**2).sum() / ((raters - 1) * (objects - 1))
    below = of_objects + (raters - 1) * error + raters * (of_raters - error) / objects
    return float((of_objects - error) / below)
