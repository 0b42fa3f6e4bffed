"""Elements that must agree over a series, compared over all of it and not read from one file.

An archive that keeps one of two images with one number makes an even stack of two echoes; nothing
in its geometry tells.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from ricenet.dicom.elements import as_number, by_number, raw_value, shown_value, unit_of
from ricenet.dicom.files import text
from ricenet.dicom.refusal import refusal
from ricenet.dicom.slices import Slice
from ricenet.dicom.storage_classes import modality

# Numbers that must agree, with what rounding may make of them: absolute, and of the value.
NUMBERS = {
    "EchoTime": (0.1, 0.001),  # ms; echoes of one sequence are 1 ms apart or more
    "InversionTime": (0.1, 0.001),
    "RepetitionTime": (0.1, 0.01),
    "FlipAngle": (0.5, 0.0),  # degrees
    "DiffusionBValue": (1.0, 0.0),  # s/mm2
    "MagneticFieldStrength": (0.1, 0.0),  # T; 1.494 is written as 1.5
    "KVP": (1.0, 0.0),
    "TemporalPositionIdentifier": (0.5, 0.0),
    "EchoNumbers": (0.5, 0.0),
    "SeriesNumber": (0.5, 0.0),
    "PixelBandwidth": (1.0, 0.01),  # Hz a pixel
}
CODES = (
    "Modality", "RescaleType", "ImageType", "ComplexImageComponent", "ScanningSequence",
    "SequenceVariant",
)  # fmt: skip
PLACES = ("PatientPosition",)
NO_AGENT = ("", "NO", "N", "NONE", "NO CONTRAST")
FIRST_VALUES = 3  # of ImageType in CT: the fourth tells rotations and reconstructions apart
MOST_SHOWN = 4


def require_constant(planes: Sequence[Slice]) -> None:
    """Refuse a series whose planes were not all made in the same way.

    Missing values say nothing: one that is there is compared with the others that are.

    Parameters
    ----------
    planes : sequence of Slice
        Of one series, one image a place.

    Raises
    ------
    ValueError
        With the elements, their values and how many images have each.
    """
    found = [words for name in (*NUMBERS, *CODES, *PLACES) if (words := _differing(planes, name))]
    found += [
        words for name, of in HIDDEN.items() if (words := _differing_hidden(planes, name, of))
    ]
    if not found:
        return
    raise refusal(
        f"the series mixes images that were made differently, separate them or export it again: "
        f"{', also '.join(found[:3])}",
        listed=f"elements that differ: {'; '.join(found)}",
    )


def _differing(planes: Sequence[Slice], keyword: str) -> str:
    """Say how an element differs over planes; empty where it does not."""
    values = [(raw, plane) for plane in planes if (raw := _compared(plane, keyword))]
    counts = Counter(raw for raw, _ in values)
    if len(counts) < 2 or (keyword in NUMBERS and _rounded_alike(counts, NUMBERS[keyword])):
        return ""
    example = dict(reversed(values))
    ordered = sorted(counts, key=by_number)
    shown = [f"{shown_value(example[raw], keyword)} in {counts[raw]}" for raw in ordered]
    more = f" and {len(shown) - MOST_SHOWN} more values" if len(shown) > MOST_SHOWN else ""
    unit = unit_of(keyword).strip()
    in_unit = f" ({unit})" if unit else ""
    return f"{keyword}{in_unit} {', '.join(shown[:MOST_SHOWN])} images{more}"


def _compared(plane: Slice, keyword: str) -> str:
    value = raw_value(plane, keyword)
    if keyword == "ImageType" and modality(plane.file) == "CT":
        return "\\".join((re.findall(r"'([^']*)'", value) or [value])[:FIRST_VALUES])
    return value


def _rounded_alike(values: Counter[str], tolerance: tuple[float, float]) -> bool:
    """Return whether numbers differ by less than rounding explains; text never does."""
    numbers = np.array([as_number(value) for value in values])
    if not np.isfinite(numbers).all():
        return False
    absolute, relative = tolerance
    return bool(np.ptp(numbers) < max(absolute, relative * np.abs(numbers).max()))


def _given(plane: Slice) -> str:
    return "no" if text(plane.file.header, "ContrastBolusAgent").upper() in NO_AGENT else "yes"


def _typed(keyword: str, plane: Slice) -> str:
    return text(plane.file.header, keyword)


# Elements that are typed by hand: that they differ is shown, not how
HIDDEN: dict[str, Callable[[Slice], str]] = {
    "ContrastBolusAgent (named or not)": _given,
    "ConvolutionKernel (values not shown)": partial(_typed, "ConvolutionKernel"),
    "SeriesDescription (values not shown)": partial(_typed, "SeriesDescription"),
    "SequenceName (values not shown)": partial(_typed, "SequenceName"),
}


def _differing_hidden(planes: Sequence[Slice], name: str, of: Callable[[Slice], str]) -> str:
    counts = Counter(value for plane in planes if (value := of(plane)))
    return f"{name} in {_listed(counts)} images" if len(counts) > 1 else ""


def _listed(counts: Counter[Any]) -> str:
    return " and ".join(str(count) for _, count in counts.most_common(MOST_SHOWN))


def doubtful(planes: Sequence[Slice]) -> list[str]:
    """Say what differs over a series and may be right: a person has to decide.

    Acquisitions are numbered by the scan in a repeated measurement, so that several within one
    volume are time points that were mixed; GE numbers the passes of one measurement, and CT the
    turns of the tube. A thickness that changes was prescribed, or the slices are of two series.
    """
    file = planes[0].file
    found = []
    others = modality(file) != "MR" or text(file.header, "Manufacturer").upper()[:2] == "GE"
    numbers = Counter(v for p in planes if (v := raw_value(p, "AcquisitionNumber")))
    if not others and 1 < len(numbers) < max(2, len(planes) // 2):
        found.append(f"AcquisitionNumber has {len(numbers)} values, in {_listed(numbers)} images")
    found += _time_points(planes)
    thick = Counter(v for p in planes if (v := raw_value(p, "SliceThickness")))
    if len(thick) > 1 and not _rounded_alike(thick, (0.05, 0.02)):
        found.append(f"SliceThickness has {len(thick)} values, in {_listed(thick)} images")
    return found


def _time_points(planes: Sequence[Slice]) -> list[str]:
    """Say that a measurement has several time points, and that the planes are of more than one.

    Whoever numbers acquisitions otherwise tells them apart by the time after the trigger.
    """
    points = [as_number(v) for p in planes if (v := raw_value(p, "NumberOfTemporalPositions"))]
    times = Counter(v for p in planes if (v := raw_value(p, "TriggerTime")))
    if not points or max(points) < 2 or not 1 < len(times) < max(2, len(planes) // 2):
        return []
    return [f"TriggerTime has {len(times)} values, in {_listed(times)} images, of a time series"]
