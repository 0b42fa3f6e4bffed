"""resources: growing with each attempt."""

from __future__ import annotations

from ricenet.study.resources import growing


def test_each_attempt_asks_for_as_much_more() -> None:
    assert [growing(4000)({}, attempt) for attempt in (1, 2, 3)] == [4000, 8000, 12000]
