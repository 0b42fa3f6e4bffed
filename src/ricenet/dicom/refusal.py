"""Refusals that stay short: the message is for the board, long lists go to the log."""

from __future__ import annotations

from collections.abc import Sequence

SHOWN = 2  # items of a list that a message shows; the log has all
LONGEST_ITEM = 120  # characters
LONGEST = 400


def refusal(message: str, *, listed: str = "") -> ValueError:
    """Return the error of a refusal.

    Parameters
    ----------
    message : str
        Remedy and numbers; what is beyond 400 characters is left to the log.
    listed : str
        The whole list, for the log (see :func:`lists_of`).
    """
    short = message if len(message) < LONGEST else f"{message[: LONGEST - 20]}... (see the log)"
    error = ValueError(short)
    for line in (listed, message if short != message else ""):
        if line:
            error.add_note(line)
    return error


def lists_of(error: BaseException) -> list[str]:
    """Return the lists that belong to a refusal and do not fit its message."""
    return list(getattr(error, "__notes__", ()))


def shortened(items: Sequence[str], *, shown: int = SHOWN) -> str:
    """Return the first items of a list in a line, and how many more there are."""
    more = len(items) - shown
    short = [i if len(i) <= LONGEST_ITEM else f"{i[: LONGEST_ITEM - 3]}..." for i in items[:shown]]
    return "; ".join(short) + (f"; and {more} more (see the log)" if more > 0 else "")
