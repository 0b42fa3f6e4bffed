"""Radiotherapy objects of one patient: which dose counts, of how many fractions, when.

Decisions are those of the dose chain (``ricenet.dose``), and nothing is decided where it would
refuse, except that treatment records and approval are taken as evidence for a proposal.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import NamedTuple

from ricenet.dicom import dates
from ricenet.dicom.dates import Radiotherapy
from ricenet.dicom.files import DicomFile, text
from ricenet.dose.frames import Link
from ricenet.dose.objects import Dose, Plan, is_dose, is_plan, items, read_dose, read_plan
from ricenet.dose.plans import Candidate, group, select
from ricenet.dose.registration_objects import is_registration, read_links
from ricenet.dose.treatment_records import SUMMARY, Delivery, delivered, is_record, read_record

STRUCTURES = "1.2.840.10008.5.1.4.1.1.481.3"
FROM_RECORDS = "from treatment records"


@dataclass
class Therapy:
    """One patient's radiotherapy, as far as the export shows it.

    Attributes
    ----------
    doses : list of Dose
    plans : dict
        By UID. Never shown.
    plan_files, others : list
        Paths of plans (by UID); of records and registrations. Never shown, except in a row.
    deliveries : list of Delivery
    links : list of Link
        Of registration objects.
    planning_series : set of str
        UIDs of the series that a structure set was drawn on. Never shown.
    problems : list of str
        Objects that could not be used, and why.
    """

    doses: list[Dose] = field(default_factory=list)
    plans: dict[str, Plan] = field(default_factory=dict)
    plan_files: dict[str, Path] = field(default_factory=dict)
    others: list[Path] = field(default_factory=list)
    deliveries: list[Delivery] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    planning_series: set[str] = field(default_factory=set)
    problems: list[str] = field(default_factory=list)
    record_days: list[date] = field(default_factory=list)
    plan_days: dict[str, date | None] = field(default_factory=dict)

    @staticmethod
    def takes(file: DicomFile) -> bool:
        """Return whether an object of radiotherapy matters here, besides dose and plan."""
        known = file.sop_class in (STRUCTURES, SUMMARY)
        return known or is_record(file) or is_registration(file)

    def add(self, file: DicomFile) -> None:
        """Keep the relevant elements of an object; one that is inconsistent becomes a problem."""
        try:
            self._add(file)
        except ValueError as error:
            self.problems.append(str(error))

    def _add(self, file: DicomFile) -> None:
        uid = text(file.header, "SOPInstanceUID")
        if is_dose(file):
            dose = read_dose(file, {})
            if dose.digest not in {known.digest for known in self.doses}:
                self.doses.append(dose)
        elif is_plan(file):
            self.plans[uid], self.plan_files[uid] = read_plan(file), file.path
            self.plan_days[uid] = dates.planned(file.header)
        elif file.sop_class == STRUCTURES:
            self.planning_series |= structure_series(file)
        else:
            self._add_other(file)

    def _add_other(self, file: DicomFile) -> None:
        self.others.append(file.path)
        self.record_days += dates.treated(file.header)
        if is_registration(file):
            self.links += read_links(file)
        elif is_record(file):
            self.deliveries += read_record(file)

    def candidates(self) -> list[Candidate]:
        """Return the doses grouped by plan."""
        return group(self.doses, self.plans)

    def days(self, chosen: list[Candidate]) -> Radiotherapy | None:
        """Return the first and last day.

        An end that no record states is estimated from the fractions.
        """
        uids = {uid for c in chosen for uid in c.uids} or set(self.plan_days)
        doses = [dose for c in chosen for dose in c.doses] or self.doses
        course = dates.radiotherapy(
            self.record_days,
            [self.plan_days.get(uid) for uid in sorted(uids)],
            [dates.acquired(dose.file.header) for dose in doses],
        )
        if course is None or course.source == "records":
            return course
        planned = max((p.planned or 0 for u, p in self.plans.items() if u in uids), default=0)
        end = course.last + timedelta(days=math.ceil(planned * dates.DAYS_PER_FRACTION))
        return Radiotherapy(course.first, end, course.source)


def structure_series(file: DicomFile) -> set[str]:
    """Return the UIDs of the series that a structure set refers to (PS3.3 C.8.8.5)."""
    return {
        text(series, "SeriesInstanceUID")
        for frame in items(file.header, "ReferencedFrameOfReferenceSequence", file.label)
        for study in items(frame, "RTReferencedStudySequence", file.label)
        for series in items(study, "RTReferencedSeriesSequence", file.label)
    } - {""}


def choose(therapy: Therapy) -> tuple[list[Candidate], str]:
    """Return the doses that count and why; none and why not.

    A single dose counts; else what treatment records name; else what the dose chain would take;
    else the only approved plan.
    """
    candidates = therapy.candidates()
    if not candidates:
        return [], "no RTDOSE that can be used"
    if len(candidates) == 1:
        rejected = candidates[0].plan and candidates[0].plan.approval == "REJECTED"
        return ([], "its plan was rejected") if rejected else (candidates, "the only one")
    recorded = {d.plan for d in therapy.deliveries}
    treated = [c for c in candidates if not c.multi and c.uids & recorded]
    if treated:
        return treated, "treatment records name its plan" if len(treated) == 1 else (
            f"treatment records name {len(treated)} plans, all are added"
        )
    try:
        return select(candidates, therapy.plans, named="")[
            0
        ], "the others were rejected or replaced"
    except ValueError as error:
        approved = [c for c in candidates if c.plan and c.plan.approval == "APPROVED"]
        if len(approved) == 1:
            return approved, "the only one whose plan is approved"
        return [], str(error)


class Count(NamedTuple):
    """Delivered fractions of one plan as text, empty where unknown, and why.

    ``doubtful``: what there is contradicts itself, a person has to decide.
    """

    text: str
    why: str
    doubtful: bool = False


def fractions(chosen: Candidate, therapy: Therapy) -> Count:
    """Return delivered fractions of one plan."""
    plan = chosen.plan
    planned = plan.planned if plan else None
    counted = _delivered(chosen.uids, therapy)
    if counted and planned and counted != planned:
        why = f"treatment records show {counted}, the plan {planned}: find out what was delivered"
        return Count("", why, doubtful=True)
    if counted:
        return Count(str(counted), FROM_RECORDS)
    if planned:
        return Count(str(planned), "as planned, there is no treatment record: confirm it")
    return Count("", "neither treatment record nor plan says how many")


def _delivered(uids: frozenset[str], therapy: Therapy) -> int | None:
    counts: Mapping[str, int | None] = {
        uid: delivered(therapy.deliveries, uid)[0] for uid in sorted(uids)
    }
    return next(iter(counts.values())) if len(counts) == 1 else None
