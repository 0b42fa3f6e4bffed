"""From the DICOM files of one image series to its slices, classic or enhanced.

Positions are those of ImagePositionPatient: SliceThickness and SpacingBetweenSlices say how thick
a slice is or how it was planned, not where it lies, and are never used.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ricenet.dicom.files import DicomFile, distinct, number, numbers, require_one_patient, text
from ricenet.dicom.planes import frame_count, matrix, pixels

MODALITIES = ("MR", "CT")
# CT, Enhanced CT, Legacy Converted Enhanced CT; the same of MR, PS3.4 B.5
IMAGE_CLASSES = tuple(
    f"1.2.840.10008.5.1.4.1.1.{end}" for end in ("2", "2.1", "2.2", "4", "4.1", "4.4")
)


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


def is_image(file: DicomFile) -> bool:
    """Whether an object is an MR or CT image, or claims to be one."""
    known = file.sop_class in IMAGE_CLASSES
    return known or (text(file.header, "Modality") in MODALITIES and "Rows" in file.header)


def one_series(files: Sequence[DicomFile]) -> list[DicomFile]:
    """Images of the only series among files; other objects (SR, RTSTRUCT, ...) are left out.

    Raises
    ------
    ValueError
        No image, several patients, studies, series or frames of reference, or a localiser.
    """
    images = [f for f in files if is_image(f)]
    if not images:
        raise ValueError(f"no MR or CT image among {len(files)} DICOM objects; check the path")
    for file in images:
        matrix(file)  # a header that breaks off lacks its patient too: say what is wrong first
    require_one_patient(images, one_study=True)
    series = sorted(distinct(images, "SeriesInstanceUID"))
    if len(series) > 1:
        candidates = [describe([f for f in images if _series(f) == uid]) for uid in series]
        raise ValueError(
            f"the folder holds {len(series)} series: {'; '.join(sorted(candidates))}; leave the "
            f"one that counts"
        )
    for file in images:
        if "LOCALIZER" in text(file.header, "ImageType").upper():
            raise ValueError(f"{file.label} is a localiser, not a volume; give the 3D series")
    frames = len(distinct(images, "FrameOfReferenceUID"))
    if frames > 1:
        raise ValueError(f"the series has {frames} frames of reference; export it again")
    return images


def _series(file: DicomFile) -> str:
    return text(file.header, "SeriesInstanceUID")


def modality(files: Sequence[DicomFile]) -> str:
    """Modality of a series, ``MR`` or ``CT``."""
    found = text(files[0].header, "Modality")
    return found if found in MODALITIES else "unknown modality"


def describe(files: Sequence[DicomFile]) -> str:
    """Modality, number of slices and matrix of a series, to tell it from others."""
    count = sum(frame_count(f) for f in files)
    sizes = sorted({f"{matrix(f)[0]} x {matrix(f)[1]}" for f in files})
    return f"{modality(files)}, {count} slices of {' and '.join(sizes)}"


def without_duplicates(files: Sequence[DicomFile]) -> list[DicomFile]:
    """Drop repeated copies of an object.

    Raises
    ------
    ValueError
        Two files carry one SOP Instance UID but differ in position or pixels.
    """
    kept: dict[str, DicomFile] = {}
    for file in files:
        first = kept.setdefault(text(file.header, "SOPInstanceUID") or file.label, file)
        if first is not file and _content(first) != _content(file):
            raise ValueError(
                f"{first.label} and {file.label} carry the same SOP Instance UID but differ; "
                f"find out which one is right"
            )
    return list(kept.values())


def _content(file: DicomFile) -> tuple[str, str]:
    digest = hashlib.sha256(np.ascontiguousarray(pixels(file)).tobytes()).hexdigest()
    return text(file.header, "ImagePositionPatient"), digest


def slices(file: DicomFile) -> list[Slice]:
    """Planes of a classic (one) or an enhanced multi-frame object (many).

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
            f"{file.label}: multi-frame, but without functional groups nothing says where its "
            f"frames lie; give the original series"
        )
    count, groups = frame_count(file), file.header.PerFrameFunctionalGroupsSequence
    if len(groups) != count:
        raise ValueError(f"{file.label}: {count} frames but {len(groups)} functional groups")
    names = ("PlanePosition", "PlaneOrientation", "PixelMeasures", "PixelValueTransformation")
    return [
        _slice(file, i, *(_group(file, i, f"{n}Sequence") for n in names)) for i in range(count)
    ]


def _group(file: DicomFile, frame: int, name: str) -> Any:
    """Functional group of a frame: its own, else the shared one (PS3.3 C.7.6.16.1)."""
    own = file.header.PerFrameFunctionalGroupsSequence[frame]
    shared = file.header.get("SharedFunctionalGroupsSequence") or [{}]
    sequence = own.get(name) or shared[0].get(name)
    return sequence[0] if sequence else {}


def _slice(
    file: DicomFile, frame: int, position: Any, orientation: Any, measures: Any, values: Any
) -> Slice:
    """Plane from the data sets that hold its elements (PS3.3 C.7.6.2, C.7.6.16.2, C.11.1)."""
    slope = number(values, "RescaleSlope", file.label, default=1.0)
    if slope == 0 or "ModalityLUTSequence" in file.header:
        raise ValueError(f"{file.label}: rescale slope 0 or a lookup table; export it again")
    return Slice(
        file,
        frame,
        numbers(position, "ImagePositionPatient", file.label, count=3),
        numbers(orientation, "ImageOrientationPatient", file.label, count=6),
        numbers(measures, "PixelSpacing", file.label, count=2),
        slope,
        number(values, "RescaleIntercept", file.label, default=0.0),
    )
