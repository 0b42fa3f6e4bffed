"""Which scan is the post-operative one, which the event, which CT the planning CT."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date

from ricenet.dicom.dates import Radiotherapy, days_between
from ricenet.scan.export import Patient
from ricenet.scan.images import Series


def best(series: Iterable[Series]) -> list[Series]:
    """Sort scans by day, and those of one day by quality."""
    ranked = sorted(series, key=lambda s: s.rank, reverse=True)
    return sorted(ranked, key=lambda s: s.day or date.min)


def before(scans: Sequence[Series], therapy: Radiotherapy) -> list[Series]:
    """Find the scans before the first treatment, or not after plan or dose was made."""
    recorded = therapy.source == "records"
    return [
        s for s in scans
        if s.day and (s.day < therapy.first or (not recorded and s.day == therapy.first))
    ]  # fmt: skip


def last_visit(scans: Sequence[Series]) -> Series | None:
    """Return the best scan of the last day."""
    last = max((s.day for s in scans if s.day), default=None)
    return next((s for s in scans if s.day and s.day == last), None)


def choose_postop(
    scans: Sequence[Series], therapy: Radiotherapy | None, frames: set[str]
) -> tuple[Series | None, str]:
    """Return the last scan before radiotherapy; else the one that shares the planning's frame."""
    if therapy and (series := last_visit(before(scans, therapy))):
        return series, f"the last contrast-enhanced T1 before radiotherapy ({therapy.source})"
    shared = [s for s in scans if s.frame in frames]
    if series := (last_visit(shared) or next(iter(shared), None)):
        return series, "shares the frame of reference of the dose or the planning CT"
    return None, "no contrast-enhanced T1 before radiotherapy"


def choose_event(
    scans: Sequence[Series],
    therapy: Radiotherapy | None,
    postop: Series | None,
    *,
    on: date | None = None,
) -> tuple[Series | None, list[Series], str]:
    """Return the latest scan after radiotherapy, or that of a given day, and the others after."""
    start = therapy.last if therapy else postop.day if postop else None
    later = [s for s in scans if s.day and start and s.day > start and s is not postop]
    if on is not None:
        return _event_of_day(later, on)
    why = "the latest contrast-enhanced T1 after radiotherapy"
    if therapy and therapy.source != "records":
        why += f", whose end is estimated from the {therapy.source}"
    if therapy is None:
        why = "the latest after the post-operative scan; when radiotherapy was is not known"
    chosen = last_visit(later)
    others = [s for s in later if s is not chosen]
    if chosen is None:
        return None, [], "no contrast-enhanced T1 after radiotherapy"
    if len({s.day for s in later}) > 1:
        why += "; which visit shows the new lesion no header tells: look at the alternatives"
    return chosen, others, why


def _event_of_day(later: Sequence[Series], on: date) -> tuple[Series | None, list[Series], str]:
    chosen = last_visit([s for s in later if s.day == on])
    others = [s for s in later if s is not chosen]
    if chosen is not None:
        return chosen, others, "of the day in the list of labels"
    apart = sorted((days_between(on, s.day) or 0 for s in later), key=abs)
    nearest = f"; the nearest is {apart[0]:+d} days from it" if apart else ""
    return (
        None,
        others,
        (f"no contrast-enhanced T1 after radiotherapy on the day in the list of labels{nearest}"),
    )


def choose_ct(patient: Patient, frames: set[str]) -> tuple[Series | None, list[Series], str]:
    """Return the CT in the dose's frame of reference, if several that of the structures."""
    scans = best(s for s in patient.series.values() if s.modality == "CT" and s.whole)
    drawn = [s for s in scans if s.uid in patient.therapy.planning_series]
    shared = [s for s in scans if s.frame in frames]
    for series, why in (
        ([s for s in drawn if s in shared], "in the dose's frame, structures were drawn on it"),
        (shared, "shares the dose's frame of reference"),
        (drawn, "the structures were drawn on it, but the dose's frame of reference is another"),
    ):
        if series:
            first = last_visit(series) or series[0]
            return first, [s for s in series if s is not first], why
    return None, [], "no CT in the dose's frame of reference"
