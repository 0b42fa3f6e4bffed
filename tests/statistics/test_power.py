"""power: against sums over all tables, simulation, and the specification's table."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest, multinomial

from ricenet.statistics import power


@pytest.mark.parametrize(
    ("n", "discordance", "difference", "level"),
    [(12, 0.4, 0.4, 0.05), (20, 0.4, 0.3, 0.05), (20, 0.3, 0.0, 0.05), (24, 0.5, 0.4, 0.01)],
)
def test_power_is_a_sum_over_all_tables(n, discordance, difference, level) -> None:
    b, c = (discordance + difference) / 2, (discordance - difference) / 2
    total = 0.0
    for i in range(n + 1):
        for j in range(n + 1 - i):
            if i + j and binomtest(i, i + j).pvalue <= level:
                total += multinomial.pmf([i, j, n - i - j], n, [b, c, 1 - discordance])
    found = power.power(n, discordance=discordance, difference=difference, level=level)
    assert found == pytest.approx(total, abs=1e-9)


@pytest.mark.parametrize(
    ("level", "expected"),
    [(0.05, [0.10, 0.15, 0.18, 0.21]), (0.05 / 6, [np.nan, 0.17, 0.21, 0.25])],
)
def test_eighty_patients(level: float, expected: list[float]) -> None:
    """The specification's figures, which are rounded up to whole hundredths."""
    found = [
        power.smallest_detectable(80, discordance=d, level=level, wanted=0.8)
        for d in (0.1, 0.2, 0.3, 0.4)
    ]
    assert np.ceil(np.array(found) * 100) / 100 == pytest.approx(expected, nan_ok=True)


def test_twelve_patients_can_show_nothing() -> None:
    assert np.isnan(power.at_best(12, level=0.05, wanted=0.8))
    assert np.isnan(power.at_best(0, level=0.05, wanted=0.8))
    for d in (0.1, 0.2, 0.3, 0.4):
        assert np.isnan(power.smallest_detectable(12, discordance=d, level=0.05, wanted=0.8))


@pytest.mark.parametrize(("tests", "fewest"), [(1, 6), (6, 8)])
def test_how_many_discordant_patients_it_takes(tests: int, fewest: int) -> None:
    most = power._fewest(20, 0.05 / tests)
    assert next(m for m, allowed in enumerate(most) if allowed >= 0) == fewest


def test_at_best_is_the_smallest_of_all_discordances() -> None:
    found = power.at_best(80, level=0.05 / 6, wanted=0.8)
    each = [
        power.smallest_detectable(80, discordance=d / 100, level=0.05 / 6, wanted=0.8)
        for d in range(10, 41, 5)
    ]
    assert found <= np.nanmin(each) and found == pytest.approx(np.nanmin(each), abs=0.02)


def test_the_smallest_detectable_difference_has_the_wanted_power() -> None:
    found = power.smallest_detectable(80, discordance=0.3, level=0.05, wanted=0.8)
    have = power.power(80, discordance=0.3, difference=found, level=0.05)
    less = power.power(80, discordance=0.3, difference=found - 0.002, level=0.05)
    assert less < 0.8 <= have < 0.81


@pytest.mark.parametrize(
    ("p", "n", "words"),
    [
        (0.03, 80, power.SHOWN), (0.2, 80, power.NOT_SHOWN), (0.2, 12, power.CANNOT),
        (0.03, 12, power.SHOWN), (0.05, 80, power.SHOWN),
    ],
)  # fmt: skip
def test_verdicts(p: float, n: int, words: str) -> None:
    assert power.verdict(p, n, level=0.05, wanted=0.8, tests=1) == words
