"""Coverage of intervals and rejection rates of tests: simulated cohorts, or enumeration.

``benchmarks/coverage.py`` prints the figures of ``docs/statistics.md`` with these functions.
Two classes of patients differ in the mean of Gaussian features; a linear discriminant is trained
in each fold. It stands for a network only in that training on few patients varies.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom, norm

from ricenet.statistics import exact, family, paired, roc
from ricenet.statistics.cross_validation import nadeau_bengio, no_narrower
from ricenet.statistics.metrics import Estimate, wilson

FEATURES, RIDGE = 25, 1.0


def enumerated(
    interval: Callable[[int, int], Estimate],
    truth: float,
    *,
    positive: int,
    negative: int,
    sensitivity: float,
    specificity: float,
) -> float:
    """Return the exact coverage of an interval, summed over all tables of these class sizes.

    Parameters
    ----------
    interval : function
        Of the right answers in both classes.
    truth : float
        What should be covered.
    """
    first = binom.pmf(np.arange(positive + 1), positive, sensitivity)
    second = binom.pmf(np.arange(negative + 1), negative, specificity)
    total = 0.0
    for tp in range(positive + 1):
        for tn in range(negative + 1):
            limits = interval(tp, tn)
            if limits.low - 1e-9 <= truth <= limits.high + 1e-9:
                total += first[tp] * second[tn]
    return float(total)


def area_coverage(
    interval: Callable[[NDArray, NDArray], Estimate],
    *,
    positive: int,
    negative: int,
    area: float,
    cohorts: int,
    seed: int,
    exponential: bool = False,
) -> float:
    """Return how often an interval of labels and scores covers the true area under the curve.

    Scores are normal in both classes, or exponential.
    """
    rng = np.random.default_rng(seed)
    labels = np.repeat([1, 0], [positive, negative])
    covered = 0
    for _ in range(cohorts):
        if exponential:
            score = rng.exponential(size=len(labels)) * np.where(labels == 1, area / (1 - area), 1)
        else:
            score = rng.normal(size=len(labels)) + labels * np.sqrt(2) * norm.ppf(area)
        limits = interval(labels, score)
        covered += limits.low <= area <= limits.high
    return covered / cohorts


class CrossValidated(NamedTuple):
    """Out-of-fold answers of one cohort, and how good the models really are.

    Attributes
    ----------
    scores : (N,) array
        Above 0 for RICE.
    accuracy, area : (K,) array
        True accuracy, at equal classes, and true area under the curve of each fold's model.
    """

    scores: NDArray
    accuracy: NDArray
    area: NDArray


def cross_validated(
    labels: NDArray, folds: NDArray, *, distance: float, rng: np.random.Generator
) -> CrossValidated:
    """Draw features of a cohort and train a ridge discriminant in each fold.

    Parameters
    ----------
    distance : float
        Between the class means, in standard deviations.
    """
    shift = np.zeros(FEATURES)
    shift[0] = distance
    features = rng.normal(size=(len(labels), FEATURES)) + np.outer(labels - 0.5, shift)
    scores, accuracy, area = np.empty(len(labels)), [], []
    for k in np.unique(folds):
        train, x = folds != k, features[folds != k]
        means = [x[labels[train] == c].mean(axis=0) for c in (0, 1)]
        centred = x - np.stack(means)[labels[train]]
        spread = centred.T @ centred / (len(x) - 2) + RIDGE * np.eye(FEATURES)
        weight = np.linalg.solve(spread, means[1] - means[0])
        middle = weight @ (means[0] + means[1]) / 2
        scores[folds == k] = features[folds == k] @ weight - middle
        length, half = np.linalg.norm(weight), weight @ shift / 2
        accuracy.append(
            (norm.cdf((half - middle) / length) + norm.cdf((half + middle) / length)) / 2
        )
        area.append(norm.cdf(2 * half / length / np.sqrt(2)))
    return CrossValidated(scores, np.array(accuracy), np.array(area))


def balanced_cohort(n: int, folds: int) -> tuple[NDArray, NDArray]:
    """Return labels, half of each class, and folds with equal classes."""
    return np.arange(n) % 2, np.arange(n) // 2 % folds


def out_of_fold_coverage(
    *, n: int, folds: int, distance: float, cohorts: int, seed: int
) -> dict[str, float]:
    """Return how often intervals of cross-validation cover the expected performance of the method.

    Returns
    -------
    dict
        ``accuracy`` and ``area``: the expected ones. Coverage of accuracy by Wilson's interval of
        pooled predictions and by Nadeau and Bengio's of the folds, as it is and made no narrower
        than the pooled one; of the area within folds by Newcombe's.
    """
    rng = np.random.default_rng(seed)
    labels, fold_of = balanced_cohort(n, folds)
    drawn = [cross_validated(labels, fold_of, distance=distance, rng=rng) for _ in range(cohorts)]
    accuracy = float(np.mean([d.accuracy for d in drawn]))
    area = float(np.mean([d.area for d in drawn]))
    sizes = roc.class_sizes(labels, fold_of)
    names = ("Wilson, pooled", "Nadeau-Bengio", "no narrower than pooled", "Newcombe, within folds")
    covered = dict.fromkeys(names, 0)
    for d in drawn:
        right = (d.scores > 0) == labels
        by_fold = [float(right[fold_of == k].mean()) for k in range(folds)]
        within = float(roc.delong(labels, d.scores, fold_of).values[0])
        pooled = wilson(int(right.sum()), n, confidence=0.95)
        mean = nadeau_bengio(by_fold, confidence=0.95)
        newcombe = roc.newcombe(within, sizes, confidence=0.95)
        intervals = (
            (pooled.low, pooled.high, accuracy), (mean.low, mean.high, accuracy),
            (*no_narrower(mean, pooled), accuracy), (newcombe.low, newcombe.high, area),
        )  # fmt: skip
        for name, (low, high, truth) in zip(names, intervals, strict=True):
            covered[name] += low <= truth <= high
    return {"accuracy": accuracy, "area": area, **{k: v / cohorts for k, v in covered.items()}}


def out_of_fold_errors(
    *, n: int, folds: int, distance: float, cohorts: int, seed: int
) -> dict[tuple[str, float], float]:
    """Return how often tests call two equally good inputs different, by test and level."""
    rng = np.random.default_rng(seed)
    labels, fold_of = balanced_cohort(n, folds)
    rejected: dict[tuple[str, float], float] = {}
    for _ in range(cohorts):
        pair = [cross_validated(labels, fold_of, distance=distance, rng=rng) for _ in range(2)]
        right = [(d.scores > 0) == labels for d in pair]
        gain = right[0].astype(int) - right[1]
        p = {
            "McNemar": paired.mcnemar(*right).p,
            "DeLong within folds": roc.delong_difference(
                labels, pair[0].scores, pair[1].scores, fold_of, confidence=0.95
            ).p,
            "Nadeau-Bengio": nadeau_bengio(
                [float(gain[fold_of == k].mean()) for k in range(folds)], confidence=0.95
            ).p,
        }
        for name, value in p.items():
            for level in (0.05, 0.01):
                key = (name, level)
                rejected[key] = rejected.get(key, 0) + (value <= level) / cohorts
    return rejected


def family_error(*, n: int, classifiers: int, accuracy: float, cohorts: int, seed: int) -> float:
    """Return how often max-T at 0.05 finds a difference between one classifier and its equals."""
    rng = np.random.default_rng(seed)
    rejected = 0
    for draw in range(cohorts):
        right = rng.random((n, classifiers)) < accuracy
        gain = right[:, :1].astype(int) - right[:, 1:]
        rejected += bool(family.max_t(gain, draws=500, seed=draw).min() <= 0.05)
    return rejected / cohorts


def difference_coverage(
    *, positive: int, negative: int, accuracy: float, gain: float, alike: float, cohorts: int,
    seed: int,
) -> dict[str, float]:  # fmt: skip
    """Return how often the intervals of two classifiers' differences cover them.

    Parameters
    ----------
    accuracy : float
        Of the second classifier, in both classes; the first has ``gain`` more.
    alike : float
        Correlation of their right answers.
    """
    rng, labels = np.random.default_rng(seed), np.repeat([1, 0], [positive, negative])
    a, b = accuracy + gain, accuracy
    both = min(a, b, a * b + alike * float(np.sqrt(a * (1 - a) * b * (1 - b))))
    cells = np.array([both, a - both, b - both, 1 - a - b + both]).clip(0)
    share = positive / (positive + negative)
    f1 = [float(exact.macro_f1(np.array(x), np.array(x), share)) for x in (a, b)]
    covered = {"Tango": 0, "Jeffreys posterior": 0}
    for draw in range(cohorts):
        cell = rng.choice(4, len(labels), p=cells / cells.sum())
        first = np.where(np.isin(cell, (0, 1)), labels, 1 - labels)
        second = np.where(np.isin(cell, (0, 2)), labels, 1 - labels)
        only = int((cell == 1).sum()), int((cell == 2).sum())
        intervals = {
            "Tango": (paired.tango(*only, len(labels), confidence=0.95), gain),
            "Jeffreys posterior": (
                paired.macro_f1_difference(
                    labels, first, second, draws=400, confidence=0.95, seed=draw
                ),
                f1[0] - f1[1],
            ),
        }
        for name, (interval, truth) in intervals.items():
            covered[name] += interval.low - 1e-9 <= truth <= interval.high + 1e-9
    return {name: count / cohorts for name, count in covered.items()}
