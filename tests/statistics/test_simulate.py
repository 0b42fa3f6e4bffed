"""simulate: a small part of benchmarks/coverage.py; the figures of docs/statistics.md hold."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from ricenet.statistics import roc, simulate
from ricenet.statistics.metrics import Estimate, auc, wilson


def newcombe(labels, score) -> Estimate:
    return roc.newcombe(auc(labels, score), roc.class_sizes(labels), confidence=0.95)


def test_enumeration_is_the_sum_over_tables() -> None:
    found = simulate.enumerated(
        lambda a, b: wilson(a, 12, confidence=0.95), 0.8,
        positive=12, negative=1, sensitivity=0.8, specificity=0.5,
    )  # fmt: skip
    covers = [wilson(k, 12, confidence=0.95) for k in range(13)]
    expected = sum(
        p
        for e, p in zip(covers, binom.pmf(range(13), 12, 0.8), strict=True)
        if e.low <= 0.8 <= e.high
    )
    assert found == pytest.approx(expected) and found > 0.9


@pytest.mark.parametrize("exponential", [False, True])
def test_newcombe_covers_as_the_document_says(exponential: bool) -> None:
    found = simulate.area_coverage(
        newcombe, positive=5, negative=7, area=0.9, cohorts=400, seed=2, exponential=exponential
    )
    assert 0.92 <= found <= 0.99


def test_pooled_intervals_cover_less_than_they_say_and_the_new_study_does_not() -> None:
    found = simulate.out_of_fold_coverage(n=80, folds=5, distance=1.6, cohorts=250, seed=3)
    assert found["accuracy"] == pytest.approx(0.726, abs=0.01)
    assert found["Wilson, pooled"] == pytest.approx(0.88, abs=0.04)
    assert 0.92 < found["Nadeau-Bengio"] <= found["no narrower than pooled"]
    assert found["no narrower than pooled"] == pytest.approx(0.97, abs=0.025)


def test_true_accuracy_and_area_are_those_of_many_new_patients() -> None:
    """The model's rule is a line: its accuracy is counted on what it was not trained on."""
    rng = np.random.default_rng(0)
    labels, folds = simulate.balanced_cohort(4000, 2)
    found = simulate.cross_validated(labels, folds, distance=1.6, rng=rng)
    right = (found.scores > 0) == labels
    assert right.mean() == pytest.approx(found.accuracy.mean(), abs=0.02)
    within = roc.delong(labels, found.scores, folds).values[0]
    assert within == pytest.approx(found.area.mean(), abs=0.02)


def test_tests_on_shared_training_patients() -> None:
    found = simulate.out_of_fold_errors(n=80, folds=5, distance=2.0, cohorts=150, seed=4)
    assert found["DeLong within folds", 0.05] > 0.05 >= found["Nadeau-Bengio", 0.05]
    assert found["McNemar", 0.01] < 0.05


def test_the_family_keeps_its_level() -> None:
    error = simulate.family_error(n=40, classifiers=7, accuracy=0.8, cohorts=200, seed=5)
    assert error <= 0.08


def test_differences_are_covered() -> None:
    found = simulate.difference_coverage(
        positive=5, negative=7, accuracy=0.75, gain=0.1, alike=0.4, cohorts=200, seed=6
    )
    assert min(found.values()) > 0.93
