"""When a subject's radiotherapy was, from its objects; days are compared and never written out."""

from __future__ import annotations

from collections.abc import Sequence

from ricenet.dicom import dates
from ricenet.dicom.dates import Radiotherapy
from ricenet.dicom.files import DicomFile, number, text
from ricenet.dose.objects import is_dose, is_plan, items


def plans_of(found: Sequence[DicomFile]) -> list[DicomFile]:
    """Return the plans that doses name, or all where they name none of those."""
    named = {
        text(plan, "ReferencedSOPInstanceUID")
        for f in found
        if is_dose(f)
        for plan in items(f.header, "ReferencedRTPlanSequence", f.label)
    }
    plans = [f for f in found if is_plan(f)]
    return [f for f in plans if text(f.header, "SOPInstanceUID") in named] or plans


def planned_days(found: Sequence[DicomFile]) -> int | None:
    """Return how long a course takes at least, by its plans' fractions; None where unknown."""
    planned = [
        number(group, "NumberOfFractionsPlanned", plan.label, default=0)
        for plan in plans_of(found)
        for group in items(plan.header, "FractionGroupSequence", plan.label)
    ]
    return int(max(planned) * dates.DAYS_PER_FRACTION) if any(planned) else None


def radiotherapy(found: Sequence[DicomFile]) -> Radiotherapy | None:
    """Return days of radiotherapy from treatment records, else the doses' plans, else the doses."""
    return dates.radiotherapy(
        [day for f in found for day in dates.treated(f.header)],
        [dates.planned(f.header) for f in plans_of(found)],
        [dates.acquired(f.header) for f in found if is_dose(f)],
    )
