"""The ablations: subsets of the input channels, all non-empty ones or those that a study names."""

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


def chosen(channels: Sequence[str], wanted: Sequence[str] | str) -> list[str]:
    """Return the names of the subsets that a study trains, in the order of :func:`ablations`.

    Parameters
    ----------
    channels : sequence of str
        Names of the input channels, in their order.
    wanted : sequence of str, or "all"
        Names of subsets.

    Raises
    ------
    ValueError
        No subset, one named twice, or a name that is no subset.
    """
    possible = ablations(channels)
    if wanted == "all":
        return list(possible)
    unknown = [name for name in wanted if name not in possible]
    if unknown or not wanted or len(set(wanted)) < len(wanted):
        fault = f"{unknown} are none" if unknown else "none, or one twice"
        raise ValueError(
            f"input_combinations: {fault}; write 'all', or names of channels joined by '-' in the "
            f"order {list(channels)}, each combination once"
        )
    return [name for name in possible if name in wanted]
