"""DICOM SEG: the frames of its segments on the voxels of an image.

``C.8.20`` is a section of DICOM PS3.3.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ricenet.dicom.files import DicomFile, number, text
from ricenet.dicom.planes import pixels, plane_affine, plane_axes
from ricenet.dicom.slices import Slice, functional_group, slices
from ricenet.dose.items import items, whole
from ricenet.image.volume import Volume
from ricenet.outlines.drawn_on import SLICES, Part
from ricenet.outlines.grids import voxel_places
from ricenet.outlines.names import Named

SEGMENTATION, LABEL_MAP = "1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7"
TYPES = ("BINARY", "FRACTIONAL", "LABELMAP")  # C.8.20.2


@dataclass(frozen=True)
class Frames:
    """Frames of a segmentation.

    Attributes
    ----------
    share : (F, R, C) float32 array
        Share of each pixel inside, 0 to 1.
    planes : list of Slice
        Where each lies.
    instances : list of str
        SOPInstanceUID of the image that each was drawn on, empty where it names none or several.
        Never shown.
    """

    share: NDArray
    planes: list[Slice]
    instances: list[str]


def is_segmentation(file: DicomFile) -> bool:
    """Return whether an object is a segmentation by voxels."""
    return file.sop_class in (SEGMENTATION, LABEL_MAP)


def segments(file: DicomFile) -> list[Named]:
    """List the segments that an object describes; 0 of a label map is what lies outside."""
    found = [
        Named(whole(item, "SegmentNumber", file.label), text(item, "SegmentLabel"))
        for item in items(file.header, "SegmentSequence", file.label)
    ]
    return [segment for segment in found if segment.number]


def listed_instances(file: DicomFile) -> set[str]:
    """Return the UIDs of all images that the object names (C.12.4). Never shown."""
    return {
        text(image, "ReferencedSOPInstanceUID")
        for series in items(file.header, "ReferencedSeriesSequence", file.label)
        for image in items(series, "ReferencedInstanceSequence", file.label)
    } - {""}


def frames(file: DicomFile, wanted: Sequence[int]) -> Frames:
    """Read the frames of some segments (C.8.20.3).

    Raises
    ------
    ValueError
        A probability and not a share of volume, a type that is not known, no frame of these
        segments, or two of one segment at one place.
    """
    kind = text(file.header, "SegmentationType")
    if kind not in TYPES:
        raise ValueError(f"{file.label}: unknown SegmentationType; export it again")
    if kind == "FRACTIONAL" and text(file.header, "SegmentationFractionalType") != "OCCUPANCY":
        raise ValueError(
            f"{file.label}: its values are probabilities, and where the outline lies would have to "
            f"be guessed; export it as a binary segmentation"
        )
    planes, stored, full = slices(file), pixels(file), 1.0
    if kind == "LABELMAP":
        stored, chosen = np.isin(stored, list(wanted)), list(range(len(planes)))
    else:
        chosen = _frames_of(file, wanted, planes)
    if kind == "FRACTIONAL":
        full = number(file.header, "MaximumFractionalValue", file.label, default=0.0)
    if full <= 0:
        raise ValueError(f"{file.label}: MaximumFractionalValue is missing or 0; export it again")
    filled = [place for place in chosen if stored[place].any()]
    if not filled:
        raise ValueError(f"{file.label}: the segment is empty; name another")
    return Frames(
        np.clip(stored[filled].astype(np.float32) / np.float32(full), 0, 1),
        [planes[place] for place in filled],
        [_drawn_on(file, place) for place in filled],
    )


def _frames_of(file: DicomFile, wanted: Sequence[int], planes: Sequence[Slice]) -> list[int]:
    """Return the frames of some segments, refused where two of one lie at one place."""
    found, seen = [], set()
    for place, plane in enumerate(planes):
        group = functional_group(file, place, "SegmentIdentificationSequence")
        segment = whole(group, "ReferencedSegmentNumber", file.label)
        if segment not in wanted:
            continue
        key = (segment, *plane.position.round(2))
        if key in seen:
            raise ValueError(
                f"{file.label}: two frames of segment {segment} lie at one place; export it again "
                f"with one frame a plane"
            )
        seen.add(key)
        found.append(place)
    return found


def _drawn_on(file: DicomFile, frame: int) -> str:
    """Return the only source image of a frame (C.7.6.16.2.6), empty where there is not one."""
    group = functional_group(file, frame, "DerivationImageSequence")
    sources = items(group, "SourceImageSequence", file.label)
    return text(sources[0], "ReferencedSOPInstanceUID") if len(sources) == 1 else ""


def on_image(found: Frames, image: Volume, label: str) -> tuple[NDArray, float, list[Part], int]:
    """Put frames on the voxels of an image; nothing is interpolated.

    Returns
    -------
    (X, Y, Z) float32 array
        Share of each voxel; where frames overlap, the larger.
    float
        Share of the outline that the image holds.
    list of Part
        The frames, each with the voxel of its first pixel.
    int
        Axis of the image that the frames are stacked along.

    Raises
    ------
    ValueError
        A frame whose pixels lie beside the image's voxels.
    """
    share = np.zeros(image.data.shape, np.float32)
    held, parts, axis = 0.0, [], SLICES
    drawn = zip(found.share, found.planes, found.instances, strict=True)
    for values, plane, instance in drawn:
        normal = plane_axes(plane.orientation, label)[2]
        # the distance of planes is the image's: the frames lie in its planes, or are refused
        step = normal * _step_mm(image, normal)
        affine = plane_affine(plane.orientation, plane.spacing, plane.position, step, label)
        matrix = voxel_places(affine, (*values.shape[::-1], 1), image)
        if matrix is None:
            raise ValueError(
                f"{label}: a frame lies beside the image's voxels, and nothing is resampled by "
                f"guess; name the image that it was drawn on, or export it on this one's voxels"
            )
        rows, columns = np.nonzero(values)
        places = matrix[:3, :2] @ np.stack([columns, rows]) + matrix[:3, 3:]
        inside = ((places >= 0) & (places < np.reshape(image.data.shape, (3, 1)))).all(axis=0)
        x, y, z = places[:, inside]
        kept = values[rows, columns][inside]
        share[x, y, z] = np.maximum(share[x, y, z], kept)
        held += float(kept.sum(dtype=np.float64))
        parts.append(Part(instance, matrix[:3, 3]))
        axis = int(np.abs(matrix[:3, 2]).argmax())
    return share, held / float(found.share.sum(dtype=np.float64)), parts, axis


def _step_mm(image: Volume, normal_lps: NDArray) -> float:
    """Return the spacing of an image along the direction nearest to a normal, LPS."""
    directions = image.affine[:3, :3] / np.array(image.spacing_mm)
    along = np.abs((normal_lps * [-1, -1, 1]) @ directions).argmax()
    return image.spacing_mm[int(along)]
