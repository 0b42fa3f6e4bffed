"""Several doses on one common grid, each kept by itself.

Parts are ``(X, Y, Z)`` volumes in Gy; together they are ``(X, Y, Z, P)``. They are added only after
each has been multiplied by its own factor, or converted with its own number of fractions.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from math import prod

import numpy as np
from numpy.typing import NDArray

from ricenet.dicom.planes import MAX_VOXELS
from ricenet.dose.frames import Link, refusals, route
from ricenet.image.interpolation import sample
from ricenet.image.volume import Volume, same_space


def in_one_frame(
    volumes: Sequence[Volume], frames: Sequence[str | None], links: Sequence[Link]
) -> tuple[list[Volume], str | None, list[str]]:
    """Transform parts into the frame of reference of the finest one, by rigid matrices alone.

    Parameters
    ----------
    volumes : sequence of Volume
        The parts; only their affines change.
    frames : sequence of str or None
        Digest of each part's frame of reference.
    links : sequence of mapping
        Registrations between frames.

    Returns
    -------
    list of Volume
        In the order given.
    str or None
        The common frame.
    list of str
        Warnings.

    Raises
    ------
    ValueError
        Frames that nothing links, or parts on different grids none of which names a frame: what is
        absent agrees with nothing.
    """
    base, own = volumes[finest(volumes)], frames[finest(volumes)]
    moved, warnings = [], []
    for volume, frame in zip(volumes, frames, strict=True):
        if frame == own and (frame or same_space(volume, base)):
            moved.append(volume)
            continue
        if frame is None and own is None:
            raise ValueError(
                "the doses to be added name no frame of reference and lie on different grids: "
                "where they meet would be a guess; export them again with FrameOfReferenceUID, or "
                "as one sum of plans"
            )
        found = route(frame, [own], links) if frame and own else None
        if found is None:
            why = "; ".join(refusals(frame, links)) or "no registration object links them"
            raise ValueError(
                f"the doses to be added have {len(set(frames))} frames of reference, and {why}; "
                f"add the spatial registration object, or export the doses on one planning image"
            )
        moved.append(Volume(volume.data, found[1] @ volume.affine))
        warnings.append("a part was moved to the frame of the finest one by a registration object")
    return moved, own, warnings


def finest(volumes: Sequence[Volume]) -> int:
    """Return the place of the volume with the smallest voxels, the first of equals."""
    return min(range(len(volumes)), key=lambda i: round(volumes[i].voxel_ml, 9))


def stack(volumes: Sequence[Volume]) -> tuple[Volume, list[str]]:
    """Return the parts on one grid.

    Identical grids as they are, others on the finest one's lattice.

    Returns
    -------
    Volume
        (X, Y, Z, P) float32, Gy; each part is 0 outside its own grid.
    list of str
        Warnings.
    """
    base = volumes[finest(volumes)]
    others = [v for v in volumes if not same_space(v, base)]
    if not others:
        return Volume(np.stack([v.data for v in volumes], axis=-1), base.affine), []
    shape, affine, low = union_lattice(volumes, base)
    data = np.zeros((*shape, len(volumes)), np.float32)
    for place, volume in enumerate(volumes):
        if same_space(volume, base):
            x, y, z = (slice(a, a + n) for a, n in zip(low, base.data.shape, strict=True))
            data[x, y, z, place] = volume.data
        else:
            data[..., place] = sample(volume, shape, affine, interpolator="linear").data
    spacings = "; ".join(" x ".join(f"{s:.4g}" for s in v.spacing_mm) for v in others)
    return Volume(data, affine), [
        f"{len(others)} of {len(volumes)} parts (voxels of {spacings} mm) interpolated linearly "
        f"onto the finest one's lattice, extended from {base.data.shape} to {tuple(shape)} voxels"
    ]


def union_lattice(
    volumes: Sequence[Volume], base: Volume
) -> tuple[tuple[int, int, int], NDArray, tuple[int, int, int]]:
    """Return the lattice of one volume, extended by whole voxels until it holds all of them.

    Returns
    -------
    3 ints, (4, 4) array
        Shape and affine.
    3 ints
        Index of the base's first voxel in it.
    """
    to_base = np.linalg.inv(base.affine)
    places = np.concatenate([_corners(v) @ (to_base @ v.affine).T for v in volumes])[:, :3]
    first = np.floor(places.min(0) + 1e-3).astype(int)
    last = np.ceil(places.max(0) - 1e-3).astype(int)
    x, y, z = (int(n) for n in last - first + 1)
    if prod((x, y, z)) * len(volumes) > MAX_VOXELS:
        raise ValueError(
            f"the doses to be added lie so far apart that their common grid would have {x} x {y} "
            f"x {z} voxels; check that they belong to one patient and one planning image"
        )
    affine = base.affine.copy()
    affine[:3, 3] += base.affine[:3, :3] @ first
    low = (int(-first[0]), int(-first[1]), int(-first[2]))
    return (x, y, z), affine, low


def _corners(volume: Volume) -> NDArray:
    last = [n - 1 for n in volume.data.shape]
    return np.array([[*c, 1] for c in product(*((0, n) for n in last))], dtype=np.float64)
