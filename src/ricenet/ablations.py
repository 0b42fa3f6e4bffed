"""The ablations: every non-empty subset of the input channels, and what was published of each."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

# Macro F1 of arXiv 2603.11827: mean of five validation folds, and test set. None: not printed.
PUBLISHED_VALIDATION_F1: dict[str, float | None] = {
    "postop": 0.70,
    "event": 0.58,
    "dose": 0.78,
    "postop-event": None,
    "postop-dose": 0.828,
    "event-dose": 0.83,
    "postop-event-dose": 0.804,
}
PUBLISHED_TEST_F1 = {"postop-event-dose": 0.916}


def ablations(channels: Sequence[str]) -> dict[str, tuple[int, ...]]:
    """Every non-empty subset of the channels.

    Returns
    -------
    dict of str to tuple of int
        Name (channel names joined by ``-``, in their order) to the channels' places in the cache.
        Single channels first, all channels last.
    """
    places = range(len(channels))
    return {
        "-".join(channels[i] for i in subset): subset
        for size in range(1, len(channels) + 1)
        for subset in combinations(places, size)
    }
