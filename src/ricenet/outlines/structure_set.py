"""RTSTRUCT: the contours of its regions of interest, and the images that they name.

``C.8.8`` is a section of DICOM PS3.3.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from ricenet.dicom.files import DicomFile, numbers, text
from ricenet.dose.items import items, whole
from ricenet.outlines.names import Named

RT_STRUCTURE_SET = "1.2.840.10008.5.1.4.1.1.481.3"
CLOSED = ("CLOSED_PLANAR", "CLOSEDPLANAR_XOR")  # C.8.8.6.1
KINDS = (*CLOSED, "POINT", "OPEN_PLANAR", "OPEN_NONPLANAR")


@dataclass(frozen=True)
class Contour:
    """One contour.

    Attributes
    ----------
    points : (N, 3) float array
        Corners, LPS mm.
    instance : str
        SOPInstanceUID of the image that it names, empty where it names none. Never shown.
    """

    points: NDArray
    instance: str


@dataclass(frozen=True)
class Region:
    """A region of interest.

    Attributes
    ----------
    named : Named
        Number and name.
    frame : str
        FrameOfReferenceUID of its contours. Never shown.
    items : sequence
        Its contours as they are stored.
    """

    named: Named
    frame: str
    items: Sequence[Any]


def is_structure_set(file: DicomFile) -> bool:
    """Return whether an object is an RTSTRUCT."""
    return file.sop_class == RT_STRUCTURE_SET


def regions(file: DicomFile) -> list[Region]:
    """List the regions of interest, some perhaps without contours (C.8.8.5, C.8.8.6)."""
    label = file.label
    stored: dict[int, list[Any]] = {}
    for item in items(file.header, "ROIContourSequence", label):
        contours = items(item, "ContourSequence", label)
        stored.setdefault(whole(item, "ReferencedROINumber", label), []).extend(contours)
    found = []
    for item in items(file.header, "StructureSetROISequence", label):
        number = whole(item, "ROINumber", label)
        named = Named(number, text(item, "ROIName"))
        frame = text(item, "ReferencedFrameOfReferenceUID")
        found.append(Region(named, frame or _only_frame(file), stored.get(number, [])))
    return found


def _only_frame(file: DicomFile) -> str:
    frames = {text(f, "FrameOfReferenceUID") for f in _frames(file)}
    return frames.pop() if len(frames) == 1 else ""


def _frames(file: DicomFile) -> Sequence[Any]:
    return items(file.header, "ReferencedFrameOfReferenceSequence", file.label)


def listed_instances(file: DicomFile) -> set[str]:
    """Return the UIDs of all images that the structure set names (C.8.8.5). Never shown."""
    return {
        text(image, "ReferencedSOPInstanceUID")
        for frame in _frames(file)
        for study in items(frame, "RTReferencedStudySequence", file.label)
        for series in items(study, "RTReferencedSeriesSequence", file.label)
        for image in items(series, "ContourImageSequence", file.label)
    } - {""}


def contours(region: Region, label: str) -> tuple[list[Contour], int]:
    """Read the contours of a region (C.8.8.6).

    Returns
    -------
    list of Contour
        None twice.
    int
        Contours that were left out: copies, and those of one or two corners, which hold nothing.

    Raises
    ------
    ValueError
        Points or open lines, or corners that are not as many as announced.
    """
    found: dict[bytes, Contour] = {}
    for item in region.items:
        _require_closed(item, label)
        values = numbers(item, "ContourData", label)
        points = values.reshape(-1, 3) if len(values) % 3 == 0 else values[:0].reshape(0, 3)
        announced = text(item, "NumberOfContourPoints")
        if not len(points) or (announced and announced != str(len(points))):
            raise ValueError(
                f"{label}: a contour has {len(values)} coordinates, but "
                f"{announced if announced.isdigit() else 'an unreadable number of'} corners; "
                f"export it again"
            )
        named = items(item, "ContourImageSequence", label)
        instance = text(named[0], "ReferencedSOPInstanceUID") if len(named) == 1 else ""
        if len(points) > 2:
            found.setdefault(points.tobytes(), Contour(points, instance))
    if not found:
        raise ValueError(
            f"{label}: no contour of the outline has three corners; name another, or export it "
            f"again"
        )
    return list(found.values()), len(region.items) - len(found)


def _require_closed(item: Any, label: str) -> None:
    kind = text(item, "ContourGeometricType")
    if kind not in CLOSED:
        shown = kind if kind in KINDS else "missing or unknown"
        raise ValueError(
            f"{label}: ContourGeometricType of the outline is {shown}, which holds no volume; name "
            f"an outline of closed contours"
        )
    if any(float(v) for v in _offset(item, label)):
        raise ValueError(f"{label}: ContourOffsetVector is retired; export it again without it")


def _offset(item: Any, label: str) -> Sequence[float]:
    if text(item, "ContourOffsetVector") in ("", "None", "[]"):
        return ()
    return numbers(item, "ContourOffsetVector", label).tolist()
