"""few_patients: below ten of a class an area has no interval; all other figures keep theirs."""

from __future__ import annotations

import math
from itertools import permutations

import numpy as np
import pytest

from ricenet.evaluate.few_patients import AREAS, fewest, without_limits
from ricenet.statistics.estimates import figures


@pytest.mark.parametrize(("rice", "recurrence"), [(9, 40), (40, 9), (10, 40), (0, 12)])
def test_areas_of_fewer_than_ten_of_a_class_have_no_limits(rice: int, recurrence: int) -> None:
    labels = np.repeat([1, 0], [rice, recurrence])
    score = np.linspace(0, 1, rice + recurrence)
    before = figures(labels, (score > 0.5).astype(int), score, confidence=0.95, prevalences=())
    found = without_limits(before, labels)
    few = min(rice, recurrence) < 10
    assert fewest(labels) == min(rice, recurrence) and len(found) == len(before)
    for old, new in zip(before, found, strict=True):
        if old.metric in AREAS and few:
            assert math.isnan(new.estimate.low) and math.isnan(new.estimate.high)
            assert new.method == "" and str(new.estimate.value) == str(old.estimate.value)
        else:
            assert str(new) == str(old)


def test_how_often_chance_ranks_two_and_two_without_an_error() -> None:
    """As the docstring says: one in six."""
    orders = set(permutations((1, 1, 0, 0)))
    perfect = [order for order in orders if order == (1, 1, 0, 0)]
    assert len(perfect) / len(orders) == pytest.approx(1 / 6)
