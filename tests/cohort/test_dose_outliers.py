"""dose_outliers: who is unlike the others, by a score worked out by hand."""

from __future__ import annotations

import pytest

from ricenet.cohort.dose_outliers import unlike_others


def test_another_schedule_is_shown() -> None:
    """Median 62; deviations 1, 0, 1, 2, 0, 20: their median 1 is below 2 % of 62."""
    doses = {"A": 61.0, "B": 62.0, "C": 63.0, "D": 64.0, "E": 62.0, "F": 42.0}
    found = unlike_others(doses)
    assert found["median_gy"] == 62.0
    assert list(found["subjects"]) == ["F"]
    assert found["subjects"]["F"]["z"] == pytest.approx(0.6745 * -20 / 1.24, abs=0.01)


def test_wide_cohorts_have_wide_limits() -> None:
    doses = {f"P{k}": gy for k, gy in enumerate((40, 42, 60, 61, 62, 35, 30, 66))}
    assert unlike_others(doses)["subjects"] == {}
    assert "P9" in unlike_others(doses | {"P9": 2.1, "P10": 61.0, "P11": 60.0})["subjects"]


def test_few_are_not_compared() -> None:
    found = unlike_others({"A": 2.0, "B": 60.0})
    assert found == {"not_made": "2 doses are too few to compare"}
