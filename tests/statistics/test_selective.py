"""selective: against all orders of those who are equally sure, written out."""

from __future__ import annotations

from itertools import pairwise, permutations

import numpy as np
import pytest

from ricenet.statistics import selective


def naive(sure: np.ndarray, wrong: np.ndarray) -> float:
    """Mean over all orders that the sureness allows."""
    found = []
    for order in permutations(range(len(sure))):
        if all(sure[a] >= sure[b] for a, b in pairwise(order)):
            errors = np.cumsum(wrong[list(order)])
            found.append(np.mean(errors / np.arange(1, len(sure) + 1)))
    return float(np.mean(found))


@pytest.mark.parametrize("sure", [[0.9, 0.8, 0.7, 0.6, 0.5, 0.4], [3, 3, 2, 2, 2, 1], [1] * 6])
def test_area_is_the_mean_over_all_orders(sure: list[float]) -> None:
    for wrong in ([0, 0, 1, 0, 1, 1], [1, 0, 0, 0, 0, 0], [0] * 6):
        expected = naive(np.array(sure), np.array(wrong))
        assert selective.area(np.array(sure), np.array(wrong)) == pytest.approx(expected)


def test_the_curve_ends_with_everybody() -> None:
    rng = np.random.default_rng(0)
    sure, wrong = rng.random(50).round(1), rng.random(50) < 0.3
    found = selective.curve(sure, wrong)
    assert found[-1] == (50, wrong.sum())
    for step, level in zip(found, sorted(set(sure), reverse=True), strict=True):
        kept = [w for s, w in zip(sure, wrong, strict=True) if s >= level]
        assert step == (len(kept), sum(kept))


def test_sureness_that_knows_nothing_is_not_found_to_know() -> None:
    rng = np.random.default_rng(1)
    p = [
        selective.area_by_chance(rng.random(40), rng.random(40) < 0.3, draws=39, rng=rng)
        for _ in range(60)
    ]
    assert 0.3 < np.mean(p) < 0.7 and np.mean(np.array(p) <= 0.1) < 0.25
    knows = np.arange(40.0)
    assert selective.area_by_chance(knows, knows < 12, draws=99, rng=rng) == pytest.approx(0.01)
    equal = selective.area(np.ones(40), knows < 12)
    assert equal == pytest.approx(0.3)  # by chance: the share of errors
