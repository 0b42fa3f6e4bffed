"""What headers say of the number of slices, against what is there.

A loss that leaves an even grid (every second slice, one end of the head) shows in no position.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ricenet.dicom.elements import raw_value
from ricenet.dicom.files import DicomFile, text
from ricenet.dicom.slices import Slice, functional_group
from ricenet.dicom.storage_classes import modality

# Numbers of images that headers announce: of one acquisition (PS3.3 C.7.6.1), of the whole series
# (retired), of a stack (Philips), of an acquisition (GE)
ANNOUNCED = ("ImagesInAcquisition", "ImagesInSeries")
PRIVATE = {
    "Philips's number of slices": (0x2001, 0x18, "Philips Imaging DD 001"),
    "GE's locations in acquisition": (0x0021, 0x4F, "GEMS_RELA_01"),
}
LONGEST_STRIDE = 10  # numbers further apart do not count images
# Of the distance of slices to their thickness. 3D: slices of a slab touch or overlap. 2D: gaps of
# up to the thickness itself are prescribed.
MOST_APART_3D, MOST_APART_2D = 1.5, 2.1
MOST_OF_SPACING = 1.5  # of the distance to SpacingBetweenSlices


@dataclass(frozen=True)
class Completeness:
    """What speaks for lost slices.

    Attributes
    ----------
    missing : int or None
        Images that headers announce and that are not there; None where no header says.
    distance : float or None
        Distance of slices over what the header lets expect, 1 for as planned; None where unknown.
    most : float
        What may be of ``distance``.
    said : list of str
        The numbers, in words.
    """

    missing: int | None
    distance: float | None
    most: float
    said: list[str]


def completeness(
    files: Sequence[DicomFile], planes: Sequence[Slice], step_mm: float
) -> Completeness:
    """Compare the planes of a series with what its headers announce.

    Parameters
    ----------
    files : sequence of DicomFile
        All files of the series, copies among them.
    planes : sequence of Slice
        One image a place.
    step_mm : float
        Distance of neighbouring planes.
    """
    counts = [*_numbered(files), *_announced(files, planes), *_in_stack(planes)]
    said = [words for missing, words in counts if missing > 0]
    distances = [*_thickness(planes, step_mm), *_spacing(planes, step_mm)]
    worst = max(distances, key=lambda d: d[0] / d[1], default=None)
    if worst and worst[0] > worst[1]:
        said.append(worst[2])
    return Completeness(
        max((missing for missing, _ in counts), default=None),
        worst[0] if worst else None,
        worst[1] if worst else MOST_APART_3D,
        said,
    )


def _numbered(files: Sequence[DicomFile]) -> list[tuple[int, str]]:
    """Return the gaps in InstanceNumber, and before its first one.

    Nothing where numbers were removed, repeated or do not count images.
    """
    if any("PerFrameFunctionalGroupsSequence" in f.header for f in files):
        return _concatenated(files)
    objects = {text(f.header, "SOPInstanceUID") or f.label: f for f in files}
    numbers = [text(f.header, "InstanceNumber") for f in objects.values()]
    if len(numbers) < 2 or not all(n.isdigit() for n in numbers):
        return []
    ordered = sorted(map(int, numbers))
    steps = np.diff(ordered)
    if steps.min() < 1 or np.median(steps) > LONGEST_STRIDE:
        return []
    missing = _gaps(ordered)
    words = f"InstanceNumber runs from {ordered[0]} to {ordered[-1]} over {len(ordered)} images"
    return [(missing, words)]


def _gaps(ordered: Sequence[int]) -> int:
    """Return how many numbers are missing between the first and the last, and before the first.

    A series that goes on counting where another one of its length ended begins at its own length
    or later, as do numbers that are put together from several: nothing is missing before those.
    """
    before = max(0, ordered[0] - 1)
    within = ordered[-1] - ordered[0] + 1 - len(ordered)
    return within + (before if before < len(ordered) else 0)


def _concatenated(files: Sequence[DicomFile]) -> list[tuple[int, str]]:
    """Return the objects that are missing of one that was divided (PS3.3 C.7.6.16.2.2.4)."""
    totals = {text(f.header, "InConcatenationTotalNumber") for f in files} - {""}
    numbers = {text(f.header, "InConcatenationNumber") for f in files} - {""}
    if len(totals) != 1 or not (total := totals.pop()).isdigit():
        return []
    words = f"InConcatenationTotalNumber is {total}, {len(numbers)} parts are there"
    return [(int(total) - len(numbers), words)]


def _announced(files: Sequence[DicomFile], planes: Sequence[Slice]) -> list[tuple[int, str]]:
    """Return the images that elements with a number announce beyond those that are there."""
    found = []
    if "PerFrameFunctionalGroupsSequence" in files[0].header:
        return []
    for name in (*ANNOUNCED, *PRIVATE):
        values = {_count(f.header, name) for f in files} - {0}
        if values:
            words = f"{name} is {max(values)}, {len(planes)} slices are there"
            found.append((max(values) - len(planes), words))
    return found


def _count(header: Any, name: str) -> int:
    try:
        if name in PRIVATE:
            return max(0, int(header.get_private_item(*PRIVATE[name]).value))
        return max(0, int(text(header, name) or 0))
    except Exception:  # absent, removed, no number
        return 0


def _in_stack(planes: Sequence[Slice]) -> list[tuple[int, str]]:
    """Return the gaps in InStackPositionNumber of enhanced images (PS3.3 C.7.6.16.2.2.4)."""
    if "PerFrameFunctionalGroupsSequence" not in planes[0].file.header:
        return []
    groups = [functional_group(p.file, p.frame, "FrameContentSequence") for p in planes]
    numbers = [text(group, "InStackPositionNumber") for group in groups]
    stacks = {text(group, "StackID") for group in groups}
    if len(stacks) > 1 or not all(n.isdigit() for n in numbers):
        return []
    ordered = sorted(map(int, numbers))
    if len(set(ordered)) < len(ordered):
        return []
    words = f"InStackPositionNumber runs from {ordered[0]} to {ordered[-1]} over {len(ordered)}"
    return [(_gaps(ordered), words)]


def _thickness(planes: Sequence[Slice], step_mm: float) -> list[tuple[float, float, str]]:
    """Return the distance of slices over their thickness, in MR.

    CT is reconstructed at any distance.
    """
    header = planes[0].file.header
    thick = _median_of(planes, "SliceThickness")
    if modality(planes[0].file) != "MR" or not thick:
        return []
    volumetric = text(header, "MRAcquisitionType").upper() == "3D"
    kind, most = ("3D", MOST_APART_3D) if volumetric else ("2D", MOST_APART_2D)
    words = f"{kind} slices {thick:.3g} mm thick lie {step_mm:.3g} mm apart"
    return [(step_mm / thick, most, words)]


def _spacing(planes: Sequence[Slice], step_mm: float) -> list[tuple[float, float, str]]:
    """Return the distance of slices over SpacingBetweenSlices, which some use for the gap alone."""
    header = planes[0].file.header
    planned = _positive(text(header, "SpacingBetweenSlices"))
    thick = _median_of(planes, "SliceThickness")
    if not planned or abs(step_mm - planned - thick) < 0.1 * step_mm:
        return []
    words = f"SpacingBetweenSlices is {planned:.3g} mm, slices lie {step_mm:.3g} mm apart"
    return [(step_mm / planned, MOST_OF_SPACING, words)]


def _median_of(planes: Sequence[Slice], keyword: str) -> float:
    values = [value for plane in planes if (value := _positive(raw_value(plane, keyword)))]
    return float(np.median(values)) if values else 0.0


def _positive(value: str) -> float:
    """Return a number that is above zero and finite; 0 for anything else."""
    try:
        number = float(value)
    except ValueError:
        return 0.0
    return number if 0 < number < np.inf else 0.0
