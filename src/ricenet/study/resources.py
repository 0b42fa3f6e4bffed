"""What a job asks of the scheduler."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def growing(amount: int) -> Callable[[Any, int], int]:
    """Return the resources function of a rule.

    So much at the first attempt, and as much more at each retry.

    A job that a scheduler ended for its memory or its time would end the same way again.

    Parameters
    ----------
    amount : int
        Of the resource in its own unit, MB or minutes.
    """

    def of_attempt(wildcards: Any, attempt: int) -> int:
        return amount * attempt

    return of_attempt
