"""Units of a stored dose: Gy, or relative to something that only a person can state.

``C.8.8`` is a section of DICOM PS3.3.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ricenet.dicom.files import DicomFile, text

CENTIGRAY = 0.01  # Gy


def gy_per_unit(file: DicomFile, row: Mapping[str, str]) -> float:
    """Return the Gy that an RTDOSE's value 1.0 stands for: 1 for DoseUnits GY (C.8.8.3).

    Some systems write cGy and say GY; a row may say so, see :func:`require_centigray`.

    Raises
    ------
    ValueError
        Other units, or a row that contradicts them.
    """
    units, stated = text(file.header, "DoseUnits"), row.get("dose_units", "")
    if units == "GY":
        if stated == "relative":
            raise ValueError(
                f"the row says {stated}, but {file.label} is an RTDOSE in Gy; leave dose_units "
                f"empty"
            )
        return CENTIGRAY if stated == "cGy" else 1.0
    if units != "RELATIVE":
        raise ValueError(
            f"{file.label}: DoseUnits are missing or unknown, not GY; export the absolute dose"
        )
    return relative_gy(row, f"{file.label}: DoseUnits are RELATIVE, not GY")


def relative_gy(row: Mapping[str, str], what: str) -> float:
    """Return the Gy that a relative dose of 1.0 stands for, as the row states.

    Refused where it does not.
    """
    needed = ("dose_units", "relative_one_gy", "prescription_gy")
    missing = [column for column in needed if not row.get(column)]
    if missing or row["dose_units"] != "relative" or float(row["relative_one_gy"]) <= 0:
        raise ValueError(
            f"{what}; export the absolute dose, or write dose_units: relative, relative_one_gy "
            f"(what 1.0 stands for) and prescription_gy in the subject's row"
        )
    return float(row["relative_one_gy"])


def too_large(
    maximum_gy: float,
    stored: str,
    row: Mapping[str, str],
    settings: Mapping[str, Any],
    remedy: str,
) -> str:
    """Return the refusal of a course whose maximum is above what is believed.

    Parameters
    ----------
    maximum_gy : float
        Of the course.
    stored : str
        How the maximum came about.
    row : mapping
        The subject's row.
    settings : mapping
        ``max_total_gy``, ``min_course_gy``, ``min_fraction_gy``, ``max_fraction_gy``.
    remedy : str
        What to do where these are no cGy.
    """
    what = (
        f"maximum of the course {maximum_gy:.2f} Gy (stored {stored}) is above "
        f"{settings['max_total_gy']:g} Gy; "
    )
    in_gy = maximum_gy * CENTIGRAY
    if row.get("dose_units") in ("cGy", "relative"):
        return f"{what}{remedy}"
    if settings["min_course_gy"] <= in_gy <= settings["max_total_gy"]:
        return (
            f"{what}write dose_units: cGy in the subject's row if these are cGy, whatever the "
            f"header says ({in_gy:.2f} Gy), or dose_kind and fractions if it is a total already"
        )
    if settings["min_fraction_gy"] <= in_gy <= settings["max_fraction_gy"]:
        return f"{what}{remedy}, or dose_units: cGy if these are cGy ({in_gy:.2f} Gy, one fraction)"
    return f"{what}{remedy}"


def require_centigray(maximum_gy: float, limit_gy: float) -> None:
    """Raise ``ValueError`` where an RTDOSE in GY can be Gy after all, and the row says cGy.

    Parameters
    ----------
    maximum_gy : float
        Of the course, taken for cGy and converted.
    limit_gy : float
        The most that is believed of a course: cGy are recognised by exceeding it.
    """
    as_tagged = maximum_gy / CENTIGRAY
    if as_tagged <= limit_gy:
        raise ValueError(
            f"leave dose_units empty: the row says cGy, but the RTDOSE is tagged in Gy and its "
            f"course of {as_tagged:.2f} Gy needs no other unit"
        )
