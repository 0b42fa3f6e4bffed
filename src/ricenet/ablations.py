"""The ablations: every non-empty subset of the input channels."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations


def ablations(channels: Sequence[str]) -> dict[str, tuple[int, ...]]:
    """Return every non-empty subset of the channels.

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
