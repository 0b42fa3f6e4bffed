"""Order in time of a subject's visits and radiotherapy, in days; no date is written."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from ricenet.dicom.dates import Radiotherapy, days_between
from ricenet.ingest.persons import LOOK
from ricenet.step import Check, not_made

UNDATED = "the headers hold no date of one of the two"
ENDLESS = "neither records nor plan show when radiotherapy ended"
MOST_APART_D = 7  # within a visit: a sequence may be taken again some days later


def check_order(
    acquired: Mapping[str, date | None],
    visits: Mapping[str, str],
    therapy: Radiotherapy | None,
    course_days: int | None,
) -> list[Check]:
    """Check later visits against the first, all against radiotherapy, and each MRI in its visit.

    Without treatment records radiotherapy is known to begin at its plan or later: an MRI is after
    it if the planned fractions fit in between.

    Parameters
    ----------
    acquired : mapping
        Day of each MRI, in the order of the channels; None where it is not known.
    visits : mapping
        Visit of each, in their order in time.
    course_days : int or None
        How long the planned fractions take.
    """
    first_of: dict[str, str] = {}  # by visit
    for name in acquired:
        first_of.setdefault(visits[name], name)
    baseline_visit = next(iter(visits.values()))
    baseline, last = first_of[baseline_visit], therapy.last if therapy else None
    least = 0 if therapy and therapy.source == "records" else course_days
    found = []
    for name, day in acquired.items():
        own, after_last = first_of[visits[name]], days_between(last, day)
        if visits[name] == baseline_visit:
            found.append(_in_order(f"{name}-before-radiotherapy", after_last, at_most=0))
        else:
            after = days_between(acquired[baseline], day)
            found.append(_in_order(f"{name}-after-{baseline}", after, at_least=1))
            found.append(_in_order(f"{name}-after-radiotherapy", after_last, at_least=least))
        if name != own:
            apart = days_between(acquired[own], day)
            apart = None if apart is None else abs(apart)
            found.append(_in_order(f"{name}-with-{own}", apart, at_most=MOST_APART_D))
    return found


def _in_order(
    name: str, value: int | None, *, at_least: int | None = None, at_most: int | None = None
) -> Check:
    """Return the verdict on a number of days, which has one limit; with none it must be negative.

    A day after the last of a radiotherapy whose length is not known says nothing.
    """
    endless = at_least is None and at_most is None
    if value is None or (endless and value >= 0):
        return not_made(name, UNDATED if value is None else ENDLESS)
    advice = f"{LOOK}: the paths may be exchanged, or the scan is another visit"
    return Check(name, value, 0 if endless else at_least, at_most, "d", advice)
