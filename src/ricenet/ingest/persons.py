"""Whether a subject's images and doses name one person; values are compared and never shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ricenet.dicom import files
from ricenet.dicom.files import DicomFile
from ricenet.step import Check, not_made

PERSON = ("PatientID", "PatientBirthDate", "PatientSex")
LOOK = "look at the subject's row and at the headers"


def identities(found: Sequence[DicomFile]) -> dict[str, int]:
    """Count the values of each element that says who it is, as far as it is filled in."""
    counts = {k: len(files.distinct(found, k) - {""}) for k in PERSON}
    return {keyword: count for keyword, count in counts.items() if count}


def incomparable(by_source: Mapping[str, Sequence[DicomFile]]) -> list[str]:
    """Return the sources that have no element of a person in common with any other."""
    named = {source: set(identities(found)) for source, found in by_source.items()}
    return [
        source
        for source, own in named.items()
        if not any(own & others for other, others in named.items() if other != source)
    ]


def check_person(by_source: Mapping[str, Sequence[DicomFile]]) -> list[Check]:
    """Check that all objects name one person.

    Parameters
    ----------
    by_source : mapping
        Column of the subject's row to what was read of it; nothing of a converted file.

    Returns
    -------
    list of Check
        Not made: ``one-patient`` where no two columns can be compared, with a column's name
        appended where this one cannot.
    """
    counts = identities([file for found in by_source.values() for file in found])
    persons, alone = max(counts.values(), default=0), incomparable(by_source)
    found = []
    made = persons > 1 or len(alone) < len(by_source)
    if made:
        differ = ", ".join(keyword for keyword, count in counts.items() if count > 1)
        advice = f"{differ} differ (values not shown): {LOOK}; pseudonymised exports may do so"
        found.append(Check("one-patient", persons, at_most=1, unit="persons", advice=advice))
    unmade = [f"one-patient-{source}" for source in alone] if made else ["one-patient"]
    reason = "nothing names a person that could be compared"
    return [*found, *(not_made(name, reason) for name in unmade)]
