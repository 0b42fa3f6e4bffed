"""From all that an export holds on a patient to one proposed row, with the reason for each cell."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from ricenet.dicom.dates import Radiotherapy, days_between
from ricenet.dose.frames import route
from ricenet.scan.export import Export, Patient, without_label
from ricenet.scan.images import Series
from ricenet.scan.proposal import REQUIRED, Proposal
from ricenet.scan.proposed_dose import add_dose
from ricenet.scan.therapy import choose
from ricenet.scan.visits import best, choose_ct, choose_event, choose_postop


def propose(
    patient: Patient, export: Export, folder: Path, *, event_day: date | None = None
) -> Proposal:
    """Propose the row of one patient, whose event scan is of a day, if a list says which."""
    row = Proposal(notes=_seen(patient))
    chosen, why_dose = choose(patient.therapy)
    therapy = patient.therapy.days(chosen)
    frames = {dose.frame for c in chosen for dose in c.doses if dose.frame}
    ct, other_cts, why_ct = choose_ct(patient, frames)
    scans = best(s for s in patient.series.values() if s.is_t1 and s.contrast)
    planning = frames | ({ct.frame} if ct and ct.frame else set())
    postop, why_postop = choose_postop(scans, therapy, planning)
    event, later, why_event = choose_event(scans, therapy, postop, on=event_day)
    zero = _day_zero(patient, postop)
    earlier = [s for s in scans if s not in (postop, event, *later)]
    _image(row, "postop", postop, earlier, why_postop, zero)
    _image(row, "event", event, later, why_event, zero)
    _image(row, "ct", ct, other_cts, why_ct, zero)
    add_dose(row, chosen, why_dose, patient, export, folder)
    _radiotherapy(row, therapy, zero)
    _doubts(row, patient, scans, zero)
    _bridge(row, frames, [s for s in (postop, event, ct) if s], patient)
    _mixed(row, patient, export)
    return row


def _seen(patient: Patient) -> list[str]:
    """Count the objects, and those of radiotherapy that cannot be used."""
    mri = [s for s in patient.series.values() if s.modality == "MR"]
    t1 = [s for s in mri if s.is_t1]
    cts = sum(s.modality == "CT" for s in patient.series.values())
    given = sum(s.contrast is True for s in t1)
    said = f"{len(t1)} T1-weighted volumes, {given} with contrast agent"
    reasons = Counter(without_label(problem) for problem in patient.therapy.problems)
    unused = [f"{count} objects not used: {why}" for why, count in sorted(reasons.items())]
    others = Counter(s.why_not for s in mri if s.why_not)
    left = [f"{count} MR series not proposed: {why}" for why, count in sorted(others.items())]
    return [f"series: {len(mri)} MR ({said}), {cts} CT", *left, *unused]


def day(zero: date | None, of: date | None) -> str:
    """Return the day as a comment may show it."""
    offset = days_between(zero, of)
    return "day unknown" if offset is None else f"day {offset:+d}" if offset else "day 0"


def _day_zero(patient: Patient, postop: Series | None) -> date | None:
    if postop and postop.day:
        return postop.day
    return min((s.day for s in patient.series.values() if s.day), default=None)


def _image(
    row: Proposal, column: str, series: Series | None, others: Sequence[Series], why: str,
    zero: date | None,
) -> None:  # fmt: skip
    """Add cell, reason and alternatives of an image."""
    if series:
        row.paths[column], row.cells[f"{column}_series"] = series.place, series.code
        why = f"{series.describe()}, {day(zero, series.day)}: {why}"
    elif column in REQUIRED:
        row.missing.append(column)
    row.notes.append(f"{column}: {why}")
    for other in others:
        said = f"{other.describe()}, {day(zero, other.day)}"
        row.alternatives.append((column, said, other.place))


def _radiotherapy(row: Proposal, therapy: Radiotherapy | None, zero: date | None) -> None:
    if therapy is None:
        row.notes.append("radiotherapy: neither records nor plan nor dose say when it was")
        return
    span = f"{day(zero, therapy.first)} to {day(zero, therapy.last)}"
    estimated = "" if therapy.source == "records" else ", the end estimated"
    row.notes.append(f"radiotherapy: {span}, from the {therapy.source}{estimated}")


def _doubts(row: Proposal, patient: Patient, scans: Sequence[Series], zero: date | None) -> None:
    """Add what a person should look at: undated scans, contrast not stated, two people."""
    for series in best(patient.series.values()):
        if series.is_t1 and series.contrast is None:
            said = f"{series.describe()}, {day(zero, series.day)}, contrast agent not stated"
            row.alternatives.append(("postop or event", said, series.place))
    if undated := sum(s.day is None for s in scans):
        row.notes.append(f"{undated} contrast-enhanced T1 without a date: not ordered in time")
    if patient.differing:
        row.missing.append(
            f"certainty that it is one person: {', '.join(patient.differing)} differ"
        )


def _bridge(row: Proposal, frames: set[str], images: Sequence[Series], patient: Patient) -> None:
    """Add that the dose has no link with an image, where that is so."""
    goals = [s.frame for s in images if s.frame]
    apart = [f for f in sorted(frames) if route(f, goals, patient.therapy.links) is None]
    if "dose" in row.paths and (apart or not frames):
        row.missing.append("a link of the dose with an image: planning CT or registration object")


def _mixed(row: Proposal, patient: Patient, export: Export) -> None:
    mixed = [c for c, p in row.paths.items() if len(export.owners.get(p, ())) > 1]
    if mixed:
        row.notes.append(
            f"{', '.join(mixed)}: the folder holds other patients too, so that each new file there "
            f"is a reason to prepare this patient again; better sort the export by patient"
        )
