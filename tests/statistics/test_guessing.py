"""guessing: no guesser exceeds the bar, on average or, more often than allowed, by chance."""

from __future__ import annotations

import numpy as np
import pytest

from ricenet.statistics import exact, guessing

RATES = np.linspace(0.01, 0.99, 99)


@pytest.mark.parametrize(("rice", "recurrence"), [(1, 1), (5, 7), (10, 40), (32, 48), (60, 12)])
def test_no_guesser_expects_more_than_the_best_guess(rice: int, recurrence: int) -> None:
    """By complete enumeration; and 0.5 is what the best tend to, not a bound far above them."""
    means = [guessing.expected_macro_f1(rice, recurrence, rate) for rate in RATES]
    assert max(means) < guessing.BEST_GUESS
    share = rice / (rice + recurrence)
    many = guessing.expected_macro_f1(40 * rice, 40 * recurrence, share)
    assert many == pytest.approx(guessing.BEST_GUESS, abs=0.01)
    limits = [exact.macro_f1(np.array(r), np.array(1 - r), share) for r in RATES]
    assert RATES[int(np.argmax(limits))] == pytest.approx(share, abs=0.0051)


def test_a_coin_has_the_macro_f1_that_simulation_gives() -> None:
    rng = np.random.default_rng(0)
    labels = np.repeat([1, 0], [32, 48])
    called = rng.random((4000, 80)) < 0.5
    tp, tn = (called & (labels == 1)).sum(1), (~called & (labels == 0)).sum(1)
    drawn = exact.macro_f1(tp / 32, tn / 48, 0.4)
    assert guessing.expected_macro_f1(32, 48, 0.5) == pytest.approx(drawn.mean(), abs=0.004)


def test_guessers_pass_the_bar_at_most_once_in_forty_times() -> None:
    """All tables of 12 and 18 patients: the chance of a lower limit above the bar."""
    n1, n0, n = 12, 18, 30
    passes = np.array(
        [
            [
                exact.estimate(
                    exact.macro_f1, exact.Table(a, b, n1, n0), prevalence=n1 / n, confidence=0.95
                ).low
                > guessing.bar(n)
                for b in range(n0 + 1)
            ]
            for a in range(n1 + 1)
        ]
    )
    assert passes[n1, n0] and passes.any()  # a classifier that knows something passes
    for rate in RATES[::7]:
        found = exact.binomial(n1, np.array([rate]))[0]
        spared = exact.binomial(n0, np.array([1 - rate]))[0]
        assert found @ passes @ spared <= 0.025
