"""simulate_probabilities: a small run of what docs/statistics.md says of 80 patients."""

from __future__ import annotations

from ricenet.statistics.simulate_probabilities import calibration_coverage


def test_intervals_cover_as_the_documentation_says() -> None:
    found = calibration_coverage(positive=32, negative=48, distance=2.0, cohorts=200, seed=3)
    assert found.pop("no slope") < 0.02
    assert all(value >= 0.88 for value in found.values()), found
