"""wording: properties over all tables of at most twelve patients."""

from __future__ import annotations

import math
import re
from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ricenet.statistics import exact, paired, wording
from ricenet.statistics.confusion import confusion
from ricenet.statistics.estimates import figures


@st.composite
def tables(draw):
    """True and predicted classes, in any order, and probabilities that go with them."""
    n = draw(st.integers(1, 12))
    labels = draw(st.lists(st.integers(0, 1), min_size=n, max_size=n))
    predicted = draw(st.lists(st.integers(0, 1), min_size=n, max_size=n))
    rice = [0.2 + 0.6 * p + draw(st.sampled_from([-0.1, 0, 0.1])) for p in predicted]
    return np.array(labels), np.array(predicted), np.array(rice)


def check(text: str, value: float, n: int) -> None:
    """A figure as written: n/a, or within an interval of a width and with few digits."""
    if np.isnan(value):
        assert text == "n/a"
        return
    numbers = re.findall(r"-?\d+\.(\d+)", text)
    assert all(len(digits) <= (1 if n <= 5 else 2) for digits in numbers)
    if "no interval" not in text:
        shown, low, high = (float(x) for x in re.findall(r"-?\d+\.\d+", text))
        assert low <= shown <= high and low < high


@settings(deadline=None, max_examples=150)
@given(tables())
def test_no_figure_says_more_than_it_can(case) -> None:
    labels, predicted, rice = case
    both = 0 < labels.sum() < len(labels)
    for f in figures(labels, predicted, rice, confidence=0.95, prevalences=[0.18]):
        text = wording.estimate(*f.estimate, f.n)
        check(text, f.estimate.value, f.n)
        if both:  # every figure that is defined has an interval
            assert "no interval" not in text
    counts = confusion(labels, predicted)
    named = wording.constant(counts)
    assert bool(named) == (len(set(predicted.tolist())) == 1)
    assert named in ("", f"classifies every patient as {'RICE' if predicted[0] else 'recurrence'}")
    assert wording.right(counts) == f"{(labels == predicted).sum()} of {len(labels)} right"


@pytest.mark.slow
def test_macro_f1_of_every_table_of_at_most_twelve_patients() -> None:
    for n in range(2, 13):
        for n1 in range(1, n):
            for tp, tn in product(range(n1 + 1), range(n - n1 + 1)):
                table = exact.Table(tp, tn, n1, n - n1)
                found = exact.estimate(exact.macro_f1, table, prevalence=n1 / n, confidence=0.95)
                text = wording.estimate(*found, n)
                check(text, found.value, n)
                assert "no interval" not in text


@settings(deadline=None, max_examples=60)
@given(tables(), st.randoms(use_true_random=False))
def test_no_difference_says_more_than_it_can(case, random) -> None:
    labels, predicted, _ = case
    other = np.array([p if random.random() < 0.7 else 1 - p for p in predicted])
    n = len(labels)
    test = paired.mcnemar(predicted == labels, other == labels)
    for found in (
        paired.tango(test.only_first, test.only_second, n, confidence=0.95),
        paired.macro_f1_difference(labels, predicted, other, draws=200, confidence=0.95, seed=0),
    ):
        text = wording.estimate(*found, n)
        check(text, found.value, n)
        assert "no interval" not in text


@pytest.mark.parametrize(("n", "digits"), [(0, 1), (1, 1), (5, 1), (6, 2), (12, 2), (80, 2)])
def test_digits_are_those_of_half_a_patient(n: int, digits: int) -> None:
    assert wording.digits(n) == digits


def test_a_limit_that_is_infinite_is_none() -> None:
    assert wording.interval(0.4, math.inf, 40) == "at least 0.40"
    assert wording.interval("-inf", "0.4", 40) == "at most 0.40"


def test_as_people_read_them() -> None:
    assert wording.estimate(0.91608, 0.6351, 0.9978, 12) == "0.92 (0.64 to 1.00)"
    assert wording.estimate(1, 1, 1, 2) == "1.0 (no interval)"
    assert wording.estimate(0.5, float("nan"), None, 12) == "0.50 (no interval)"
    assert wording.interval(0.9531, 0.9533, 80) == "0.95 to 0.96"
    assert wording.interval(-0.001, 0.2, 12) == "0.00 to 0.20"
    for missing in (None, "", "text", float("nan"), float("inf")):
        assert wording.estimate(missing, 0, 1, 12) == "n/a"


def test_no_p_is_zero() -> None:
    assert [wording.p_value(p) for p in (0, 0.0004, 0.0006, 0.05, "", None)] == [
        "< 0.001", "< 0.001", "0.001", "0.050", "n/a", "n/a",
    ]  # fmt: skip


@pytest.mark.parametrize("n", [8, 40, 80, 200])
def test_a_share_and_its_rest_add_up_as_they_are_printed(n: int) -> None:
    """Against fractions of whole numbers, rounded half to even."""
    for count in range(n + 1):
        share = wording.number(count / n, n)
        exactly = round(Fraction(100 * count, n))  # half to even
        assert share == f"{exactly // 100}.{exactly % 100:02d}"
        assert float(share) + float(wording.number(1 - count / n, n)) == pytest.approx(1)
    assert wording.number(-0.001, 80) == "0.00"
