"""From a DICOM object to its planes, classic or enhanced.

Positions are those of ImagePositionPatient: SliceThickness and SpacingBetweenSlices say how thick
a slice is or how it was planned, not where it lies, and are never used.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pydicom
from numpy.typing import NDArray

from ricenet.dicom import storage_classes
from ricenet.dicom.files import DicomFile, number, numbers
from ricenet.dicom.planes import frame_count, matrix


@dataclass(frozen=True)
class Slice:
    """One plane of a series.

    Attributes
    ----------
    file : DicomFile
        Where its pixels are.
    frame : int
        Which of the file's frames it is.
    position : (3,) float array
        ImagePositionPatient: centre of the first voxel, LPS, mm.
    orientation : (6,) float array
        ImageOrientationPatient: direction cosines along a row and along a column, LPS.
    spacing : (2,) float array
        PixelSpacing: distance of rows, distance of columns, mm.
    slope, intercept : float
        Stored values to values of the modality.
    """

    file: DicomFile
    frame: int
    position: NDArray
    orientation: NDArray
    spacing: NDArray
    slope: float
    intercept: float


def modality(files: Sequence[DicomFile]) -> str:
    """Return the modality of a series, ``MR`` or ``CT``."""
    found = storage_classes.modality(files[0])
    return found if found in storage_classes.MODALITIES else "unknown modality"


def slices(file: DicomFile) -> list[Slice]:
    """Return the planes of a classic (one) or an enhanced multi-frame object (many).

    Raises
    ------
    ValueError
        Elements that place or scale a plane are missing or make no sense.
    """
    matrix(file)
    if frame_count(file) == 1 and "PerFrameFunctionalGroupsSequence" not in file.header:
        header = file.header
        return [_slice(file, 0, header, header, header, header)]
    if "PerFrameFunctionalGroupsSequence" not in file.header:
        raise ValueError(
            f"{file.label}: multi-frame, but without functional groups it is unknown where its "
            f"frames lie; give the original series"
        )
    count, groups = frame_count(file), items(file, "PerFrameFunctionalGroupsSequence")
    if len(groups) != count:
        raise ValueError(
            f"{file.label}: {count} frames but {len(groups)} functional groups; export it again"
        )
    names = ("PlanePosition", "PlaneOrientation", "PixelMeasures", "PixelValueTransformation")
    return [
        _slice(file, i, *(functional_group(file, i, f"{n}Sequence") for n in names))
        for i in range(count)
    ]


def functional_group(file: DicomFile, frame: int, name: str) -> Any:
    """Return the functional group of a frame: its own, else the shared one (PS3.3 C.7.6.16.1)."""
    own = items(file, "PerFrameFunctionalGroupsSequence")[frame]
    shared = items(file, "SharedFunctionalGroupsSequence")
    for data in (own, *shared[:1]):
        try:
            found = data.get(name)
        except Exception:  # pydicom reads an element when it is first asked for
            raise ValueError(f"{file.label}: {name} is damaged; export it again") from None
        if isinstance(found, pydicom.Sequence) and found:
            return found[0]
    return {}


def items(file: DicomFile, name: str) -> Any:
    """Return the items of a sequence, none where it is missing.

    Raises
    ------
    ValueError
        No sequence: a damaged header may hold bytes there.
    """
    try:
        found = file.header.get(name)
    except Exception:  # pydicom's messages quote values
        found = b""
    if found is None:
        return []
    if not isinstance(found, pydicom.Sequence):
        raise ValueError(f"{file.label}: {name} is damaged; export it again")
    return found


def _slice(
    file: DicomFile, frame: int, position: Any, orientation: Any, measures: Any, values: Any
) -> Slice:
    """Return a plane from its elements' data sets (PS3.3 C.7.6.2, C.7.6.16.2, C.11.1)."""
    slope = number(values, "RescaleSlope", file.label, default=1.0)
    if slope == 0:
        raise ValueError(f"{file.label}: rescale slope 0 makes every value the same; export again")
    if "ModalityLUTSequence" in file.header:
        raise ValueError(
            f"{file.label}: a lookup table (ModalityLUTSequence) instead of a rescale slope, which "
            f"no MR or CT scanner writes; give the original series"
        )
    return Slice(
        file,
        frame,
        numbers(position, "ImagePositionPatient", file.label, count=3),
        numbers(orientation, "ImageOrientationPatient", file.label, count=6),
        numbers(measures, "PixelSpacing", file.label, count=2),
        slope,
        number(values, "RescaleIntercept", file.label, default=0.0),
    )
