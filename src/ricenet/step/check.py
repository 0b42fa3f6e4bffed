"""A check before its verdict: what a gate returns, and what a step's ``main`` has recorded."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from ricenet.step import checks

if TYPE_CHECKING:
    from ricenet.step.job import Job


class Check(NamedTuple):
    """A measured value and its limits, or why there is none; see :meth:`Job.check`.

    Attributes
    ----------
    name : str
        Lower case with hyphens, as it stands in the overrides table.
    value : float or None
        None where the check could not be made.
    at_least, at_most : float or None
        Limits, both inclusive.
    unit, advice : str
        Of the value; what to look at and what to do where it does not pass.
    reason : str
        Why it could not be made.
    holds : bool
        Whether one that could not be made holds its subject back.
    """

    name: str
    value: float | None
    at_least: float | None = None
    at_most: float | None = None
    unit: str = ""
    advice: str = ""
    reason: str = ""
    holds: bool = False


def not_made(name: str, reason: str, *, holds: bool = False, advice: str = "") -> Check:
    """Return a check that could not be made, for :func:`write` to record.

    ``holds``: a person must decide, as if it had failed. The entry of the record is made by
    :func:`ricenet.step.checks.not_made`, which only a ``Job`` calls.
    """
    return Check(name, None, advice=advice, reason=reason, holds=holds)


def passes(found: Check) -> bool:
    """Return whether a check was made and lies within its limits."""
    return found.value is not None and (
        checks.verdict(
            found.name, found.value, at_least=found.at_least, at_most=found.at_most, unit=found.unit
        )["verdict"]
        == "pass"
    )


def write(job: Job, found: Iterable[Check]) -> None:
    """Write checks to the record of a step, in their order."""
    for name, value, at_least, at_most, unit, advice, reason, holds in found:
        if value is None:
            job.not_checked(name, reason, holds=holds, advice=advice)
        else:
            job.check(name, value, at_least=at_least, at_most=at_most, unit=unit, advice=advice)
