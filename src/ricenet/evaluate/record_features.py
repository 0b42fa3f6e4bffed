"""Features of a subject from its records alone, without the images.

A feature that a record does not hold is NaN: it is missing, which may itself be a shortcut.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

Records = Mapping[str, Mapping[str, Any]]
NAN = float("nan")
# dose per fraction in Gy up to which a course counts as of this scheme
SCHEMES = {"conventional": 2.2, "hypofractionated": 5.0, "stereotactic": math.inf}
HASHES = 4  # numbers of the negative control
# records whose checks say how well a subject could be prepared
QUALITY = ("quality", "crop")


class Feature(NamedTuple):
    """One number about a subject.

    Attributes
    ----------
    group : str
        What a probe may use together, a key of :data:`ricenet.evaluate.probe_groups.GROUPS`.
    feature : str
        Its name; a column called "name" would be found by the search for persons' names.
    value : float
        NaN where it is not known.
    unit : str
        Empty for what has none.
    """

    group: str
    feature: str
    value: float
    unit: str = ""


def number(value: Any) -> float:
    """Return a recorded value as a number, NaN where there is none; True is 1."""
    try:
        found = float(value)
    except (TypeError, ValueError):
        return NAN
    return found if math.isfinite(found) else NAN


def of_time(records: Records, mri: Sequence[str]) -> list[Feature]:
    """Return the days between images and radiotherapy."""
    days = records.get("timeline", {}).get("facts", {}).get("days", {})
    first, last = number(days.get("radiotherapy_first")), number(days.get("radiotherapy_last"))
    found = [Feature("time", "radiotherapy_d", last - first, "d")]
    for name in mri:
        day = number(days.get(name))
        found.append(Feature("time", f"{name}_after_radiotherapy_d", day - last, "d"))
    if len(mri) > 1:
        between = number(days.get(mri[-1])) - number(days.get(mri[0]))
        found.append(Feature("time", "between_images_d", between, "d"))
    return found


def of_scanner(records: Records, mri: Sequence[str]) -> list[Feature]:
    """Return how each image was acquired, as far as its header says."""
    found = []
    for name in mri:
        record = records.get(f"{name}_native", {})
        facts = record.get("facts", {})
        acquisition = facts.get("acquisition") or {}
        sequence = acquisition.get("sequence")
        (output,) = record.get("outputs", {}).get("out", [{}])
        spacing = output.get("spacing_mm") or [NAN] * 3
        shape = output.get("shape") or [NAN] * 3
        values = {
            "pixel_mm": (min(spacing), "mm"),
            "slice_mm": (max(spacing), "mm"),
            "voxels": (shape[0] * shape[1] * shape[2], ""),
            "echo_ms": (acquisition.get("echo_ms"), "ms"),
            "repetition_ms": (acquisition.get("repetition_ms"), "ms"),
            "inversion_ms": (acquisition.get("inversion_ms"), "ms"),
            "contrast_agent": (acquisition.get("contrast_agent"), ""),
            "gradient_echo": (None if sequence is None else "GR" in sequence, ""),
            "inversion_recovery": (None if sequence is None else "IR" in sequence, ""),
            "dicom": (facts.get("source") == "dicom" if "source" in facts else None, ""),
        }
        found += [
            Feature("scanner", f"{name}_{key}", number(value), unit)
            for key, (value, unit) in values.items()
        ]
    return found


def of_scheme(records: Records, dose: Sequence[str]) -> list[Feature]:
    """Return prescription, fractions and scheme of each dose."""
    found = []
    for name in dose:
        ledger = records.get(f"{name}_native", {}).get("facts", {}).get("ledger") or {}
        prescription = number(ledger.get("prescription_gy"))
        fractions = number(ledger.get("fractions"))
        each = prescription / fractions if fractions else NAN
        found += [
            Feature("dose_max", f"{name}_prescription_gy", prescription, "Gy"),
            Feature("dose_max", f"{name}_fractions", fractions),
            Feature("dose_max", f"{name}_per_fraction_gy", each, "Gy"),
        ]
        found += [
            Feature("dose_max", f"{name}_{scheme}", value)
            for scheme, value in scheme_of(each).items()
        ]
    return found


def scheme_of(per_fraction_gy: float) -> dict[str, float]:
    """Return 1 for the scheme of a dose per fraction and 0 for the others; NaN if it is unknown."""
    if math.isnan(per_fraction_gy):
        return dict.fromkeys(SCHEMES, NAN)
    own = next(name for name, most in SCHEMES.items() if per_fraction_gy <= most)
    return {name: float(name == own) for name in SCHEMES}


def of_quality(checks: Iterable[Mapping[str, str]]) -> list[Feature]:
    """Return the measured values of registrations, crops and of checks that compare images.

    Parameters
    ----------
    checks : iterable of dict
        Rows of ``quality.tsv``.
    """
    return [
        Feature("quality", row["check"], number(row["value"]), row["unit"])
        for row in checks
        if (record := row["check"].partition("/")[0]) in QUALITY
        or "_to-" in record
        or record.endswith("_registered")
    ]


def of_identity(subject: str) -> list[Feature]:
    """Return random numbers seeded by the id: the performance of a probe on them is chance."""
    digest = hashlib.sha256(subject.encode()).digest()
    return [
        Feature("id", f"hash_{i}", int.from_bytes(digest[4 * i : 4 * i + 4], "big") / 2**32)
        for i in range(HASHES)
    ]
