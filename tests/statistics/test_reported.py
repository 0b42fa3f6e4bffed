"""reported: counts follow from what is printed, intervals from the counts."""

from __future__ import annotations

import pytest
from sklearn.metrics import f1_score

from ricenet.statistics import published
from ricenet.statistics.exact import Table
from ricenet.statistics.reported import Reported, interval, tables


def reported(of: str, inputs: str) -> Reported:
    n = published.PATIENTS[of]
    return Reported(published.FIGURES[of, inputs]["macro_f1"], n["rice"], n["recurrence"])


def test_counts_of_the_test_set_are_the_only_ones_that_round_to_what_is_printed() -> None:
    entry = published.FIGURES["test", "postop-event-dose"]
    expected = Table(entry["true_positive"], entry["true_negative"], 5, 7)
    assert tables(reported("test", "postop-event-dose")) == [expected] == [(5, 6, 5, 7)]


def test_counts_are_given_only_where_they_follow() -> None:
    for (of, inputs), entry in published.FIGURES.items():
        if "true_positive" in entry:
            assert len(tables(reported(of, inputs))) == 1 and of == "test"


def test_tables_are_all_that_scikit_learn_rounds_to_it() -> None:
    found = tables(Reported("0.83", 5, 7))
    every = []
    for tp in range(6):
        for tn in range(8):
            predicted = [1] * tp + [0] * (5 - tp) + [0] * tn + [1] * (7 - tn)
            f1 = f1_score([1] * 5 + [0] * 7, predicted, average="macro")
            every += [(tp, tn, 5, 7)] if 0.825 <= f1 <= 0.835 else []
    assert found == every and len(found) == 2


def test_intervals() -> None:
    found = interval(reported("test", "postop-event-dose"), confidence=0.95)
    assert found == pytest.approx((0.916, 0.6351, 0.9978), abs=1e-4)
    for (of, inputs), entry in published.FIGURES.items():
        if entry["macro_f1"] is not None:
            found = interval(reported(of, inputs), confidence=0.95)
            assert found.low + 0.05 < float(entry["macro_f1"]) < found.high - 0.05
    # no table of 1 and 1 comes near 0.8: that of 1.0 is nearest
    assert interval(Reported("0.8", 1, 1), confidence=0.95).low == pytest.approx(0.158, abs=1e-3)
