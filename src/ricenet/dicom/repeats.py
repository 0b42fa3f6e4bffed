"""Several images at one place: copies are dropped, echoes, phases or time points distinguished."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ricenet.dicom.files import text
from ricenet.dicom.planes import matrix, pixels
from ricenet.dicom.slices import Slice, functional_group

# Where an element lies in an enhanced image (PS3.3 C.8.13.5, C.7.6.16.2.2), its name there where
# it is another one, and its unit.
ELEMENTS = {
    "EchoTime": ("MREchoSequence", "EffectiveEchoTime", " ms"),
    "InversionTime": ("MRModifierSequence", "InversionTimes", " ms"),
    "FlipAngle": ("MRTimingAndRelatedParametersSequence", "FlipAngle", " degrees"),
    "DiffusionBValue": ("MRDiffusionSequence", "DiffusionBValue", " s/mm2"),
    "TemporalPositionIdentifier": ("FrameContentSequence", "TemporalPositionIndex", ""),
    "AcquisitionNumber": ("FrameContentSequence", "FrameAcquisitionNumber", ""),
    "ImageType": ("MRImageFrameTypeSequence", "FrameType", ""),
}
# Times of day are part of a person's record: that they differ is shown, not how.
HIDDEN_ELEMENTS = {"AcquisitionTime": ("FrameContentSequence", "FrameAcquisitionDateTime", "")}
# Values of ImageType (PS3.3 C.8.3.1.1.1, C.8.13.3.1.1, and what Siemens, Philips and GE add)
KNOWN_TYPES = """
    ORIGINAL DERIVED PRIMARY SECONDARY M P R I PHASE MAGNITUDE REAL IMAGINARY MIXED MPR OTHER NONE
    ND NORM DIS2D DIS3D M_FFE P_FFE R_FFE I_FFE M_SE M_IR SE FFE IR T1 T2 ADC TRACEW FA W F IP OP
    WATER FAT IN_PHASE OUT_PHASE OPP_PHASE UNI ADD MOSAIC MINIP MAXIP PROJECTION IMAGE SUBTRACTION
"""
IMAGE_TYPES = frozenset(KNOWN_TYPES.split())


def without_copies(planes: Sequence[Slice]) -> list[Slice]:
    """Drop planes that repeat another one's place and pixels under another name.

    Pixels are read only where several planes share a place.
    """
    places: dict[tuple[Any, ...], list[Slice]] = {}
    for plane in planes:
        key = (*plane.position.round(3).tolist(), *plane.orientation.round(4).tolist())
        places.setdefault(key, []).append(plane)
    kept: list[Slice] = []
    stored: dict[str, NDArray] = {}
    for there in places.values():
        contents: dict[tuple[Any, ...], Slice] = {}
        for plane in there if len(there) > 1 else ():
            if plane.file.label not in stored:  # an enhanced file holds all: it is read once
                stored = {plane.file.label: pixels(plane.file)}
            contents.setdefault(_content(plane, stored[plane.file.label]), plane)
        kept += contents.values() or there
    return kept


def _content(plane: Slice, frames: NDArray) -> tuple[Any, ...]:
    stored = np.ascontiguousarray(frames[plane.frame])
    digest = hashlib.sha256(stored.tobytes()).hexdigest()
    return digest, plane.slope, plane.intercept, matrix(plane.file), *plane.spacing.tolist()


def require_one_image_a_place(ordered: Sequence[Slice], along: NDArray) -> None:
    """Refuse several images at one place, naming how they differ.

    Parameters
    ----------
    ordered : sequence of Slice
        In order of position.
    along : (N,) float array
        Their positions along the normal, mm, ascending.

    Raises
    ------
    ValueError
        Several echoes, phases or time points.
    """
    new = np.diff(along) >= max(1e-3, 0.01 * float(np.median(np.diff(along))))
    if new.all():
        return
    place = np.concatenate([[0], np.cumsum(new)])
    groups = [[s for s, p in zip(ordered, place, strict=True) if p == k] for k in set(place)]
    groups = [group for group in groups if len(group) > 1]
    raise ValueError(
        f"duplicate positions: {len(ordered)} images at {place[-1] + 1} places, for example "
        f"{len(groups[0])} at {along[np.flatnonzero(~new)[0]]:.2f} mm; {differences(groups)}; "
        f"slices lie at {along.round(2).tolist()} mm; keep one of each, as a series of its own"
    )


def differences(groups: Iterable[Sequence[Slice]]) -> str:
    """Return the elements in which images at one place differ, with values that identify nobody.

    Parameters
    ----------
    groups : iterable of sequences of Slice
        Each holds the images at one place.
    """
    found: dict[str, str] = {}
    for group in groups:
        for keyword in (*ELEMENTS, *HIDDEN_ELEMENTS):
            values = dict.fromkeys(_value(plane, keyword) for plane in group)
            if len(values) > 1:
                shown = "values not shown"
                if keyword in ELEMENTS:
                    shown = ", ".join(sorted(values, key=_by_number)) + ELEMENTS[keyword][2]
                found.setdefault(keyword, f"{keyword} ({shown})")
    if not found:
        return "nothing in their headers tells them apart"
    return f"they differ in {' and '.join(found.values())}"


def _by_number(value: str) -> tuple[float, str]:
    try:
        return float(value), value
    except ValueError:
        return np.inf, value


def _value(plane: Slice, keyword: str) -> str:
    """Return the value of an element of a plane as it may be shown."""
    sequence, name, _ = (ELEMENTS | HIDDEN_ELEMENTS)[keyword]
    header = plane.file.header
    if "PerFrameFunctionalGroupsSequence" in header:
        header, keyword_there = functional_group(plane.file, plane.frame, sequence), name
    else:
        keyword_there = keyword
    if keyword == "ImageType":
        values = re.findall(r"\w+", text(header, keyword_there))
        return "\\".join(v if v in IMAGE_TYPES else "…" for v in values) or "none"
    value = text(header, keyword_there)
    if keyword in HIDDEN_ELEMENTS:
        return value
    return value if _by_number(value)[0] != np.inf else "none"
