"""proportions: against statsmodels, and coverage by enumeration."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom
from statsmodels.stats.proportion import confint_proportions_2indep

from ricenet.statistics import proportions


@pytest.mark.parametrize("counts", [(0, 5, 0, 7), (3, 5, 1, 7), (32, 32, 0, 48), (9, 32, 10, 48)])
def test_limits_are_those_of_statsmodels(counts: tuple[int, int, int, int]) -> None:
    a, m, b, n = counts
    found = proportions.difference((a, m), (b, n), confidence=0.95)
    peer = confint_proportions_2indep(a, m, b, n, method="newcomb", compare="diff")
    assert found[1:] == pytest.approx(peer, abs=1e-9) and found.value == pytest.approx(
        a / m - b / n
    )
    assert found.low < found.high


def test_newcombes_example() -> None:
    """56 of 70 and 48 of 80: 0.0524 to 0.3339 (Newcombe 1998, table II, case a, method 10)."""
    found = proportions.difference((56, 70), (48, 80), confidence=0.95)
    assert found == pytest.approx((0.2, 0.0524, 0.3339), abs=5e-5)


def test_real_coverage() -> None:
    m, n = 12, 18
    for p, q in ((0.1, 0.1), (0.5, 0.2), (0.9, 0.7)):
        first, second = (binom.pmf(np.arange(k + 1), k, r) for k, r in ((m, p), (n, q)))
        covered = 0.0
        for a in range(m + 1):
            for b in range(n + 1):
                e = proportions.difference((a, m), (b, n), confidence=0.95)
                covered += first[a] * second[b] * (e.low <= p - q <= e.high)
        assert 0.93 < covered < 0.995


def test_nobody_is_no_proportion() -> None:
    assert np.isnan(proportions.difference((0, 0), (1, 2), confidence=0.95)).all()
