"""Spatial registration objects: how points of one frame of reference are found in another.

``C.20.2`` is a section of DICOM PS3.3. Matrices in the object act on LPS mm, those returned on RAS.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ricenet.dicom.files import DicomFile, numbers, text, uid_digest
from ricenet.dose.frames import Link
from ricenet.dose.objects import items
from ricenet.image.volume import LPS_FROM_RAS

REGISTRATION = "1.2.840.10008.5.1.4.1.1.66.1"
RIGID_TOLERANCE = 1e-3  # direction cosines are often written with 4 to 6 digits
AGREE_MM = 0.1  # two registrations of the same frames that differ by less agree
HEAD_MM = 200.0  # distance at which they are compared


def is_registration(file: DicomFile) -> bool:
    """Return whether an object is a spatial (not a deformable) registration."""
    return file.sop_class == REGISTRATION


def read_links(file: DicomFile) -> list[Link]:
    """Return the links between frames of reference that a registration object holds (C.20.2.1.1).

    Each item's matrix maps points of the item's own frame of reference into the frame of
    reference of the object; an item about that very frame is left out.

    Raises
    ------
    ValueError
        No frame of reference, or a matrix that is not readable.
    """
    own = text(file.header, "FrameOfReferenceUID")
    if not own:
        raise ValueError(
            f"{file.label}: a registration without a frame of reference; export it again"
        )
    links: list[Link] = []
    for item in items(file.header, "RegistrationSequence", file.label):
        frame = text(item, "FrameOfReferenceUID")
        if frame and frame != own:
            ends = {"from": uid_digest(frame), "to": uid_digest(own)}
            links.append(ends | _matrix(item, file.label))
    return links


def _matrix(item: Any, label: str) -> dict[str, Any]:
    """Return ``matrix`` of an item of RegistrationSequence, or ``refused`` and why."""
    total = np.eye(4)
    kinds = set()
    for registration in items(item, "MatrixRegistrationSequence", label):
        for step in items(registration, "MatrixSequence", label):
            values = numbers(step, "FrameOfReferenceTransformationMatrix", label, count=16)
            kinds.add(text(step, "FrameOfReferenceTransformationMatrixType"))
            total = values.reshape(4, 4) @ total  # the first item is applied first
    if not kinds:
        return {"refused": "a registration without a matrix"}
    if kinds != {"RIGID"}:
        shown = sorted(k if k in ("RIGID", "RIGID_SCALE", "AFFINE") else "unknown" for k in kinds)
        return {"refused": f"a registration of type {', '.join(shown)}, not RIGID"}
    if not is_rigid(total):
        return {"refused": "a registration labelled RIGID whose matrix is not rigid"}
    return {"matrix": (LPS_FROM_RAS @ total @ LPS_FROM_RAS).round(9).tolist()}


def is_rigid(matrix: NDArray) -> bool:
    """Return whether a (4, 4) matrix is a rotation without mirroring, and a shift."""
    rotation = matrix[:3, :3]
    return bool(
        np.allclose(matrix[3], [0, 0, 0, 1], atol=RIGID_TOLERANCE)
        and np.allclose(rotation.T @ rotation, np.eye(3), atol=RIGID_TOLERANCE)
        and abs(np.linalg.det(rotation) - 1) <= RIGID_TOLERANCE
    )


def without_contradictions(links: Sequence[Link]) -> list[Link]:
    """Return the links without duplicates.

    Frames that two objects link differently are refused.
    """
    kept: dict[tuple[str, str], Link] = {}
    for link in map(_canonical, links):
        key = (link["from"], link["to"])
        first = kept.setdefault(key, link)
        if not _agree(first, link):
            why = "two registrations of the same frames of reference that disagree"
            kept[key] = {"from": key[0], "to": key[1], "refused": why}
    return list(kept.values())


def _canonical(link: Link) -> Link:
    """Return the link in one of its two directions, so that A to B and B to A can be compared."""
    if link["from"] <= link["to"]:
        return link
    turned = {"from": link["to"], "to": link["from"]}
    if "refused" in link:
        return turned | {"refused": link["refused"]}
    return turned | {"matrix": np.linalg.inv(link["matrix"]).round(9).tolist()}


def _agree(first: Link, second: Link) -> bool:
    if "refused" in first:
        return True
    if "refused" in second:
        return False
    corners = np.array([[x, y, z, 1] for x in (0, 1) for y in (0, 1) for z in (0, 1)], float)
    corners[:, :3] *= HEAD_MM
    apart = corners @ (np.asarray(first["matrix"]) - np.asarray(second["matrix"])).T
    return bool(np.linalg.norm(apart[:, :3], axis=1).max() <= AGREE_MM)
