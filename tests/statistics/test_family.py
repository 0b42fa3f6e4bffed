"""family: against McNemar, statsmodels, a naive enumeration, and simulated families of nulls."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from scipy.stats import binomtest
from statsmodels.stats.multitest import multipletests

from ricenet.statistics import family


@pytest.mark.parametrize(("b", "c"), [(9, 2), (3, 3), (6, 0), (1, 0), (0, 0)])
def test_one_contrast_is_the_exact_test_of_mcnemar(b: int, c: int) -> None:
    signs = np.repeat([1, -1, 0], [b, c, 4])[:, None]
    expected = binomtest(b, b + c).pvalue if b + c else 1.0
    assert family.max_t(signs, draws=1, seed=0) == pytest.approx([expected])


def test_one_contrast_of_many_patients_comes_near_it() -> None:
    signs = np.repeat([1, -1], [24, 10])[:, None]
    found = family.max_t(signs, draws=20_000, seed=0)
    assert found == pytest.approx([binomtest(24, 34).pvalue], abs=0.003)
    assert found == family.max_t(signs, draws=20_000, seed=0)


def test_step_down_by_a_naive_enumeration() -> None:
    """For each contrast the largest statistic of it and the smaller ones, over all exchanges."""
    rng = np.random.default_rng(4)
    d = rng.integers(-1, 2, (7, 3)) + np.array([0, 0, 1])
    d = np.clip(d, -1, 1)
    scale = np.sqrt((d**2).sum(axis=0))
    observed = abs(d.sum(axis=0) / scale)
    p = {}
    for k in range(3):
        smaller = [j for j in range(3) if observed[j] <= observed[k]]
        at_least = [
            max(abs((np.array(s) @ d)[j] / scale[j]) for j in smaller) >= observed[k] - 1e-9
            for s in product((1, -1), repeat=7)
        ]
        p[k] = np.mean(at_least)
    monotone = [max(p[j] for j in range(3) if observed[j] >= observed[k]) for k in range(3)]
    assert family.max_t(d, draws=1, seed=0) == pytest.approx(monotone)


def test_correction_is_no_harsher_than_bonferroni_and_no_milder_than_none() -> None:
    rng = np.random.default_rng(1)
    d = np.where(rng.random((60, 5)) < 0.3, rng.choice([1, 1, -1], (60, 5)), 0)
    alone = np.array([family.max_t(d[:, [k]], draws=4000, seed=0)[0] for k in range(5)])
    together = family.max_t(d, draws=4000, seed=0)
    assert np.all(together >= alone - 0.03) and np.all(together <= 5 * alone + 0.03)


def test_contrasts_that_are_one_cost_nothing() -> None:
    d = np.repeat([1, -1], [9, 2])[:, None]
    both = family.max_t(np.hstack([d, d, -d]), draws=1, seed=0)
    assert both == pytest.approx([binomtest(9, 11).pvalue] * 3)


def test_family_wise_error_with_six_true_nulls() -> None:
    """One of seven equal classifiers against the six others, errors in part in common."""
    rng, wrong, cohorts = np.random.default_rng(2), 0, 400
    for seed in range(cohorts):
        hard = rng.random(60)[:, None] < 0.3
        right = rng.random((60, 7)) < np.where(hard, 0.5, 0.9)
        d = right[:, :1].astype(int) - right[:, 1:]
        wrong += family.max_t(d, draws=300, seed=seed).min() <= 0.05
    assert wrong / cohorts <= 0.05 + 0.02


@pytest.mark.parametrize("seed", range(3))
def test_holm_is_that_of_statsmodels(seed: int) -> None:
    p = np.random.default_rng(seed).random(7) ** 3
    assert family.holm(p) == pytest.approx(multipletests(p, method="holm")[1])


def test_no_contrasts() -> None:
    assert family.holm(np.array([])).size == 0
    assert family.max_t(np.zeros((5, 2)), draws=1, seed=0).tolist() == [1, 1]
