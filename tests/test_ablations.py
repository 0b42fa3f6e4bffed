"""ablations: against counting in binary, and the published table."""

from __future__ import annotations

import pytest

from ricenet.ablations import ablations, chosen
from ricenet.statistics.published import PUBLISHED_TEST_F1, PUBLISHED_VALIDATION_F1


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_every_subset_once(count: int) -> None:
    channels = [f"c{i}" for i in range(count)]
    by_bits = {tuple(i for i in range(count) if number >> i & 1) for number in range(1, 2**count)}
    found = ablations(channels)
    assert len(found) == 2**count - 1 and set(found.values()) == by_bits
    for name, places in found.items():
        assert name.split("-") == [channels[i] for i in places]
    sizes = [len(places) for places in found.values()]
    assert sizes == sorted(sizes)


def test_names_are_those_of_the_published_table() -> None:
    found = ablations(["postop", "event", "dose"])
    assert list(found) == list(PUBLISHED_VALIDATION_F1)
    assert set(PUBLISHED_TEST_F1) <= set(found)
    assert found["event-dose"] == (1, 2)


def test_a_study_trains_the_subsets_that_it_names() -> None:
    channels = ["postop", "event", "dose"]
    assert chosen(channels, "all") == list(ablations(channels))
    assert chosen(channels, ["postop-event-dose", "dose"]) == ["dose", "postop-event-dose"]
    for wrong in (["event-postop"], ["t2"], [], ["dose", "dose"]):
        with pytest.raises(ValueError, match=r"in the order \['postop', 'event', 'dose'\]"):
            chosen(channels, wrong)
