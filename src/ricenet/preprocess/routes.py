"""Which image a dose follows to the reference grid, and whether the images that claim it agree.

A dose has no anatomy to register. It follows an image that shares its frame of reference (DICOM
PS3.3 C.7.4.1), that a registration object links it to, or that the subject's row names. Each of
these is a claim: careless de-identification gives MRI, planning CT and dose one frame of reference.
Where several images claim a dose, their registrations with each other say whether they agree: a
point of the reference must be found at the same place of the dose by way of each of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from ricenet.channels import PLANNING_CT
from ricenet.dose.frames import refusals, route
from ricenet.image import transforms

ROW, FRAME, OBJECT = "row", "frame of reference", "registration object"
Facts = Mapping[str, Any]  # of the record of an image or a dose


@dataclass(frozen=True)
class Claim:
    """An image that is said to show where the dose lies.

    Attributes
    ----------
    image : str
        Its name.
    how : str
        Who says so: :data:`ROW`, :data:`FRAME` or :data:`OBJECT`.
    matrix : (4, 4) float array
        Maps points of the dose to points of the image, RAS mm.
    own_study : bool
        Whether image and dose are known to be of one study.
    """

    image: str
    how: str
    matrix: NDArray
    own_study: bool

    @property
    def linked(self) -> bool:
        """Whether the coordinates of dose and image differ."""
        return not np.array_equal(self.matrix, np.eye(4))


def claims(dose: Facts, images: Mapping[str, Facts]) -> list[Claim]:
    """Return the images that claim a dose, first choice first.

    The row comes before the headers, a common frame of reference before registration objects.

    Parameters
    ----------
    dose : mapping
        Facts of the dose: ``frame`` (digest of its frame of reference, or ``image:<name>`` as the
        row says), ``own_frame`` and ``studies`` where known, ``registrations``.
    images : mapping
        Facts of each image of the subject, first choice first: ``frame``, ``study`` where known.

    Raises
    ------
    ValueError
        The row names an image that there is not, no image has the dose's frame of reference and no
        registration leads to one.
    """
    frame, links = dose["frame"], dose["registrations"]
    studies = set(dose.get("studies", ()))
    left = {name: facts["frame"] for name, facts in images.items() if facts["frame"]}
    found: list[Claim] = []

    def add(name: str, how: str, matrix: NDArray) -> None:
        left.pop(name, None)
        found.append(Claim(name, how, matrix, images[name].get("study") in studies))

    if frame and frame.startswith("image:"):
        name, frame = frame.removeprefix("image:"), dose.get("own_frame")
        if name not in images:
            raise ValueError(f"dose_frame is {name!r}, but the subject's images are {list(images)}")
        add(name, ROW, np.eye(4))
    while frame and (way := route(frame, list(left.values()), links)):
        reached, matrix = way
        for name in [n for n, other in left.items() if other == reached]:
            add(name, FRAME if reached == frame else OBJECT, matrix)
    if not found:
        why = "".join(f" ({reason})" for reason in refusals(frame, links))
        raise ValueError(
            f"the dose shares its frame of reference with none of {list(images)}{why}; give the "
            f"planning CT in column 'ct', or name the image that the dose is aligned with in "
            f"'dose_frame'"
        )
    return found


def path_to_reference(image: str, reference: str, pairs: Sequence[tuple[str, str]]) -> list[int]:
    """Return the places of the transforms that lead from an image to the reference, in order.

    Parameters
    ----------
    image, reference : str
        Names of images.
    pairs : sequence of (moving, fixed)
        The transforms at hand; each image is moved by at most one.
    """
    steps = {moving: (place, fixed) for place, (moving, fixed) in enumerate(pairs)}
    found: list[int] = []
    while image != reference:
        if image not in steps or len(found) > len(pairs):
            raise ValueError(f"no transform leads from {image!r} to the reference {reference!r}")
        place, image = steps[image]
        found.append(place)
    return found


def way_of(claim: Claim, chain: Sequence[sitk.Transform]) -> sitk.Transform:
    """Return the transform from points of the reference to points of the dose, by a claim's image.

    Parameters
    ----------
    claim : Claim
        Where the dose lies in the image.
    chain : sequence of sitk.Transform
        Brings the image onto the reference.
    """
    link = [transforms.from_matrix_ras(np.linalg.inv(claim.matrix))] if claim.linked else []
    return transforms.chain([*link, *chain])


def apart_mm(ways: Sequence[sitk.Transform], points: NDArray) -> NDArray:
    """Return the largest disagreement between transforms.

    Parameters
    ----------
    ways : sequence of W sitk.Transform
        Each from points of the reference to points of the dose.
    points : (N, 3) array
        Of the reference, in the brain; RAS mm.

    Returns
    -------
    (W, W) array
        The largest distance of the places at which two ways find a point, mm.
    """
    places = np.array([transforms.map_points(way, points) for way in ways])
    return np.array([[_farthest(a, b) for b in places] for a in places])


def _farthest(a: NDArray, b: NDArray) -> float:
    return float(np.linalg.norm(a - b, axis=1).max())


def choose(found: Sequence[Claim], distances_mm: NDArray, *, limit_mm: float) -> int:
    """Return the place of the claim that the dose follows.

    The first one, where all agree with it or a person has named it. Otherwise, for want of a better
    reason: one of the dose's own study, the planning CT, in this order.

    Parameters
    ----------
    found : sequence of Claim
        First choice first.
    distances_mm : (W, W) array
        From :func:`apart_mm`.
    limit_mm : float
        Claims that lead farther apart contradict each other.
    """
    if found[0].how == ROW or distances_mm[0].max() <= limit_mm:
        return 0
    return min(
        range(len(found)),
        key=lambda i: (not found[i].own_study, found[i].image != PLANNING_CT, i),
    )


def warnings_of(found: Sequence[Claim], chosen: int, *, contradicted: bool) -> list[str]:
    """Return what a person should know about the way that was taken."""
    claim = found[chosen]
    if contradicted:
        names = ", ".join(c.image for c in found)
        return [
            f"{names} claim the dose and contradict each other: it follows {claim.image}, "
            f"{_reason(claim)}"
        ]
    if not_compared(found) and claim.how != ROW:
        return [
            f"that {claim.image} shows where the dose lies is said by its {claim.how} alone and "
            f"was not checked: no other image claims the dose; give the planning CT of the dose's "
            f"own study in column 'ct'"
        ]
    return []


def not_compared(found: Sequence[Claim]) -> str:
    """Return why claims cannot be compared; empty where they can, or need not.

    The planning CT of the dose's own study is what the dose was calculated on.
    """
    if len(found) > 1 or is_own_ct(found[0]):
        return ""
    return f"no image but {found[0].image} claims the dose"


def without_witness(found: Sequence[Claim]) -> bool:
    """Return whether nothing but an identifier that may be false says where the dose lies.

    A dose is calculated on the planning CT of its own study. Careless de-identification gives one
    frame of reference to images that do not lie together, and MRI that were resampled to each other
    agree with each other, wherever the dose lies. A person's word in the row is a witness.
    """
    return not any(claim.how == ROW or is_own_ct(claim) for claim in found)


def is_own_ct(claim: Claim) -> bool:
    """Return whether an image is the planning CT of the dose's own study."""
    return claim.own_study and claim.image == PLANNING_CT


def _reason(claim: Claim) -> str:
    if claim.how == ROW:
        return "which the row names"
    if claim.own_study:
        return "which is of the dose's own study"
    return "the planning CT" if claim.image == PLANNING_CT else "the first of them"
