"""Whether an outline was drawn on the image at hand.

An equal FrameOfReferenceUID proves nothing: careless de-identification gives one to everything. An
outline belongs to an image whose instances it names (PS3.3 C.8.8.5, C.8.20.2) and in whose planes
it lies.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ricenet.dicom import files
from ricenet.dicom.describe import series_code
from ricenet.dicom.files import DicomFile, text, uid_digest
from ricenet.dicom.series import is_image
from ricenet.dicom.slices import slices
from ricenet.image import converted_image
from ricenet.image.volume import LPS_FROM_RAS, Volume

SLICES = 2  # axis of a DICOM image's native volume that its slices are stacked along


@dataclass(frozen=True)
class Part:
    """A contour or a frame.

    Attributes
    ----------
    instance : str
        SOPInstanceUID of the image that it names, empty where it names none. Never shown.
    place : (3,) array
        A point of its plane, in voxel indices of the image.
    """

    instance: str
    place: NDArray


@dataclass(frozen=True)
class Source:
    """The raw image that an outline is laid on.

    Attributes
    ----------
    files : list of DicomFile
        Of its series; none of a converted image.
    frame : str
        Its FrameOfReferenceUID. Never shown.
    planes : mapping
        SOPInstanceUID to the places of its planes, (P, 3) array, voxel indices. Never shown.
    """

    files: list[DicomFile]
    frame: str
    planes: Mapping[str, NDArray]


def read_source(path: Path, facts: Mapping[str, Any], image: Volume) -> Source:
    """Read the headers of an image that ``ingest_mri`` has read.

    Parameters
    ----------
    path : Path
        Its raw data.
    facts : mapping
        Of its record: ``series`` is the code of the series that counts.
    image : Volume
        Its native volume.
    """
    if converted_image.is_converted(path):
        return Source([], "", {})
    own = [
        file
        for file in files.find(path)[0]
        if is_image(file) and series_code(text(file.header, "SeriesInstanceUID")) == facts["series"]
    ]
    if not own:
        raise ValueError("the image's series is no longer in its folder; put it back")
    planes = {
        text(file.header, "SOPInstanceUID"): to_voxels(
            np.array([plane.position for plane in slices(file)]), image
        )
        for file in own
    }
    return Source(own, text(own[0].header, "FrameOfReferenceUID"), planes)


def to_voxels(points_lps: NDArray, image: Volume) -> NDArray:
    """Return points, (N, 3) LPS mm, in voxel indices of an image."""
    matrix = np.linalg.inv(image.affine) @ LPS_FROM_RAS
    return points_lps @ matrix[:3, :3].T + matrix[:3, 3]


def require_own_frame(frames: Iterable[str], source: Source, *, column: str) -> None:
    """Refuse an outline in another frame of reference than the image.

    Raises
    ------
    ValueError
        Both say which, and it is not the same.
    """
    others = {uid_digest(uid) for uid in frames if uid} - {uid_digest(source.frame)}
    if source.frame and others:
        raise ValueError(
            f"the outline has another frame of reference than the image; name the image that it "
            f"was drawn on in the column {column}, or give it as a mask on this image's grid"
        )


def share_named(parts: Sequence[Part], listed: Collection[str], source: Source) -> float:
    """Return the share of an outline's parts that name an instance of the image.

    Parameters
    ----------
    parts : sequence of Part
        Contours or frames.
    listed : collection of str
        Instances that the object as a whole names: they count for parts that name none.
    source : Source
        The image.
    """
    of_all = bool(listed) and all(uid in source.planes for uid in listed)
    return float(np.mean([p.instance in source.planes if p.instance else of_all for p in parts]))


def farthest(parts: Sequence[Part], source: Source, axis: int) -> float | None:
    """Return the largest distance of parts from the planes of the image that they name, slices.

    None where no part names one, or they are stacked along another axis than the image's slices.
    """
    apart = [
        float(np.abs(source.planes[part.instance][:, axis] - part.place[axis]).min())
        for part in parts
        if part.instance in source.planes and axis == SLICES
    ]
    return max(apart, default=None)
