"""A hospital's list of its patients: number, label, and the day of the event scan."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import NamedTuple

from ricenet.cohort import cells
from ricenet.cohort.labels import LABELS
from ricenet.config.messages import suggestion

COLUMNS = ("patient_id", "label", "event_date")


class Listed(NamedTuple):
    """What a list says of a patient; an empty label and no day where it does not."""

    label: str = ""
    event: date | None = None


def read(path: Path) -> dict[str, Listed]:
    """Return what a list says of each PatientID.

    Parameters
    ----------
    path : path
        Columns ``patient_id``, ``label`` (recurrence, RICE or empty) and, if it is there,
        ``event_date`` (2024-03-31 or 20240331).

    Raises
    ------
    ValueError
        Columns or cells that are not usable. No message shows a PatientID or a date.
    """
    try:
        table = cells.read(path)
    except OSError as error:
        raise ValueError(f"--labels: {path.name} cannot be read ({error.strerror})") from None
    except ValueError:  # its message shows the row, and with it a PatientID
        raise ValueError(
            f"--labels: {path.name} is no table in UTF-8 whose first line names the columns: a row "
            f"with more cells than columns, a quote that is not closed on its line, or no line"
        ) from None
    columns = [str(column) for column in table]
    missing = [c for c in COLUMNS[:2] if c not in columns]
    unknown = [c for c in columns if c not in COLUMNS]
    if missing or unknown:
        meant = "".join(suggestion(column, COLUMNS) for column in unknown)
        raise ValueError(
            f"--labels: columns of {path.name} missing: {missing or 'none'}; unknown: "
            f"{unknown or 'none'}{meant}; possible are {list(COLUMNS)}"
        )
    if "event_date" not in table:
        table["event_date"] = ""
    found: dict[str, Listed] = {}
    for number, row in enumerate(table.itertuples(index=False), start=1):
        place = f"--labels: row {number} of {path.name}"
        patient = str(row.patient_id)
        if not patient or patient in found:
            raise ValueError(f"{place}: the patient_id is empty or stands in another row, too")
        found[patient] = Listed(_label(place, str(row.label)), _day(place, str(row.event_date)))
    return found


def _label(place: str, text: str) -> str:
    names = {name.casefold(): name for name in LABELS}
    if text and text.casefold() not in names:
        raise ValueError(f"{place}: label {text[:40]!r} is not among {list(LABELS)} or empty")
    return names.get(text.casefold(), "")


def _day(place: str, text: str) -> date | None:
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError(
            f"{place}: the event_date is not written as year, month and day (2024-03-31)"
        ) from None
