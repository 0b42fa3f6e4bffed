"""Units of a stored dose: Gy, or relative to something that only a person can state.

``C.8.8`` is a section of DICOM PS3.3.
"""

from __future__ import annotations

from collections.abc import Mapping

from ricenet.dicom.files import DicomFile, text


def gy_per_unit(file: DicomFile, row: Mapping[str, str]) -> float:
    """Return the Gy that an RTDOSE's value 1.0 stands for: 1 for DoseUnits GY (C.8.8.3).

    Raises
    ------
    ValueError
        Other units, or a row that contradicts them.
    """
    units, stated = text(file.header, "DoseUnits"), row.get("dose_units", "")
    if units == "GY":
        if stated in ("cGy", "relative"):
            raise ValueError(
                f"the row says {stated}, but {file.label} is an RTDOSE in Gy; leave dose_units "
                f"empty"
            )
        return 1.0
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
