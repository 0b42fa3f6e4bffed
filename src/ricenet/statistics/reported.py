"""Published figures: the 2 x 2 tables that agree with one, and its exact interval."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ricenet.statistics import exact
from ricenet.statistics.metrics import Estimate


class Reported(NamedTuple):
    """A macro F1 as it was printed, for patients whose class sizes are known.

    Attributes
    ----------
    printed : str
        With the digits that it was printed with.
    positive, negative : int
        Patients with RICE and with recurrence.
    """

    printed: str
    positive: int
    negative: int

    @property
    def value(self) -> float:
        """Return the printed figure."""
        return float(self.printed)

    @property
    def half_unit(self) -> float:
        """Return half of the last printed digit."""
        return 0.5 * 10.0 ** -len(self.printed.partition(".")[2])


def tables(of: Reported) -> list[exact.Table]:
    """Return all tables of these class sizes whose macro F1 rounds to the printed figure."""
    return [t for t, f1 in _all(of) if abs(f1 - of.value) <= of.half_unit + 1e-12]


def interval(of: Reported, known: Sequence[exact.Table] = (), *, confidence: float) -> Estimate:
    """Give a printed macro F1 the exact interval that its tables have together.

    Parameters
    ----------
    known : sequence of Table
        Tables that are known to be behind it. Without any, those that round to it, or the nearest
        where none does. A mean of folds is taken as if the folds had been pooled.
    """
    candidates = list(known) or tables(of)
    if not candidates:
        candidates = [min(_all(of), key=lambda pair: abs(pair[1] - of.value))[0]]
    share = of.positive / (of.positive + of.negative)
    limits = [
        exact.estimate(exact.macro_f1, table, prevalence=share, confidence=confidence)
        for table in candidates
    ]
    return Estimate(of.value, min(e.low for e in limits), max(e.high for e in limits))


def _all(of: Reported) -> list[tuple[exact.Table, float]]:
    n1, n0 = of.positive, of.negative
    every = [exact.Table(a, b, n1, n0) for a in range(n1 + 1) for b in range(n0 + 1)]
    return [(table, _macro_f1(table)) for table in every]


def _macro_f1(table: exact.Table) -> float:
    tp, tn, n1, n0 = table
    wrong = n1 - tp + n0 - tn
    return tp / (2 * tp + wrong) + tn / (2 * tn + wrong)
