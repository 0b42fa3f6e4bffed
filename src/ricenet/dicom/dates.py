"""Days of images and of radiotherapy, for differences of days only: a date is never written out.

Anything that is not one plausible date counts as unknown.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from ricenet.dicom.files import text

# PS3.3 C.7.6.1, C.7.3.1, C.7.2.1. Enhanced objects have AcquisitionDateTime only (C.8.13.1).
ACQUISITION = ("AcquisitionDate", "AcquisitionDateTime", "SeriesDate", "StudyDate", "ContentDate")
# PS3.3 C.8.8.17 for a session, C.8.8.23 for the summary of a course
TREATMENT = ("TreatmentDate", "FirstTreatmentDate", "MostRecentTreatmentDate")
# De-identification writes years that nobody was scanned in, or the first day of Unix. Dates shifted
# by some decades are accepted: their differences are right.
BELIEVABLE_YEARS = range(1902, 2101)
DAYS_PER_FRACTION = 7 / 5  # five a week, to estimate an end that no record states
PLACEHOLDERS = (date(1911, 11, 11), date(1970, 1, 1))


@dataclass(frozen=True)
class Radiotherapy:
    """First and last day that radiotherapy is known for.

    Attributes
    ----------
    first, last : date
        The same day where only plan or dose are there: treatment was then, or later.
    source : str
        ``records``, ``plan`` or ``dose``.
    """

    first: date
    last: date
    source: str


def parse(value: str) -> date | None:
    """Return the day of a DICOM date or date and time (PS3.5 section 6.2, DA and DT).

    None where unknown.

    Parameters
    ----------
    value : str
        ``YYYYMMDD``, with anything a DT may add, or ``YYYY.MM.DD`` as ACR-NEMA wrote it.
    """
    found = re.fullmatch(r"(\d{4})(\.?)(\d\d)\2(\d\d)(\d[\d.+-]*)?", value.strip(), re.ASCII)
    if found is None:
        return None
    try:
        day = date(int(found[1]), int(found[3]), int(found[4]))
    except ValueError:
        return None
    return day if day.year in BELIEVABLE_YEARS and day not in PLACEHOLDERS else None


def first_known(header: Any, keywords: Iterable[str]) -> date | None:
    """Return the first plausible date among elements, in their order."""
    return next((day for k in keywords if (day := parse(text(header, k)))), None)


def acquired(header: Any) -> date | None:
    """Return the day on which an image was taken, or a dose computed."""
    return first_known(header, ACQUISITION)


def planned(header: Any) -> date | None:
    """Return the day of a radiotherapy plan (PS3.3 C.8.8.9)."""
    return first_known(header, ("RTPlanDate", *ACQUISITION))


def treated(header: Any) -> list[date]:
    """Return the days of treatment that a treatment record names."""
    return [day for k in TREATMENT if (day := parse(text(header, k)))]


def radiotherapy(
    records: Iterable[date | None], plans: Iterable[date | None], doses: Iterable[date | None]
) -> Radiotherapy | None:
    """Return the days of radiotherapy from the best source that has any.

    None where all are unknown.
    """
    for source, days in (("records", records), ("plan", plans), ("dose", doses)):
        known = [day for day in days if day]
        if known:
            return Radiotherapy(min(known), max(known), source)
    return None


def days_between(first: date | None, later: date | None) -> int | None:
    """Return the days from one date to another; None where one of them is unknown."""
    return None if first is None or later is None else (later - first).days
