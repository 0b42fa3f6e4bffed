"""From closed planar contours to the share of each voxel that lies inside.

Contours are (N, 3) arrays in voxel indices of a grid: voxel centres are whole numbers, voxel i
reaches from i - 0.5 to i + 0.5. A contour stands for a slab that reaches half way to the
neighbouring contours, as treatment planning systems count volume. Shares keep volume and centre of
what is small, or was drawn between the slices of the grid, where whole voxels would not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import prod

import numpy as np
from numpy.typing import NDArray

from ricenet.dicom.planes import MAX_VOXELS
from ricenet.outlines.polygons import area_shares, crossing_pairs, without_twins

FLAT = 0.1  # of a slice: a contour that leaves its plane further lies in no plane of the grid
SAME_PLANE = 0.05  # of a slice
DECIMALS = 2  # of the height of a plane in slices: coordinates are rounded, slabs shall join
NEGLIGIBLE = 1e-6  # of a slice
NEIGHBOURS = 1.5  # of the usual distance: contours further apart are no neighbours
MISSING = 3.5  # of the usual distance: further apart, and it is another component


@dataclass(frozen=True)
class Plane:
    """The contours of one plane.

    Attributes
    ----------
    height : float
        Place along the axis of the slices, voxel indices.
    polygons : list of (N, 2) float array
        Along the other two axes, voxel indices.
    """

    height: float
    polygons: list[NDArray]


@dataclass(frozen=True)
class Filled:
    """What contours hold.

    Attributes
    ----------
    share : (X, Y, Z) float32 array
        Share of each voxel of the grid inside the contours, 0 to 1.
    inside : float
        Share of the outline's volume that the grid holds.
    distance : float
        Usual distance of neighbouring planes, slices.
    missing : int
        Gaps in which planes seem to be missing.
    crossing : int
        Pairs of contours of one plane that cross, or are one contour twice.
    axis : int
        Axis of the grid that the planes are stacked along.
    """

    share: NDArray
    inside: float
    distance: float
    missing: int
    crossing: int
    axis: int


def slice_axis(contours: Sequence[NDArray]) -> int:
    """Find the axis of the grid that contours are drawn across: all are flat along it.

    Raises
    ------
    ValueError
        There is none.
    """
    rough = np.array([np.ptp(points, axis=0) for points in contours]).max(axis=0)
    for axis in (2, 1, 0):
        if rough[axis] <= FLAT:
            return axis
    raise ValueError(
        "the contours lie in no planes of the image's grid; export the outline on the image that "
        "it was drawn on, or as a mask on its grid"
    )


def planes_of(contours: Sequence[NDArray], axis: int) -> list[Plane]:
    """Collect contours by plane, in order along an axis of the grid."""
    others = [a for a in range(3) if a != axis]
    found: list[Plane] = []
    for points in sorted(contours, key=lambda points: float(points[:, axis].mean())):
        height = round(float(points[:, axis].mean()), DECIMALS)
        if not found or height - found[-1].height > SAME_PLANE:
            found.append(Plane(height, []))
        found[-1].polygons.append(points[:, others])
    return found


def usual_distance(heights: NDArray, joined: NDArray) -> float:
    """Return the median distance of successive planes that overlap; 1 slice where none do.

    Parameters
    ----------
    heights : (P,) float array
        In ascending order.
    joined : (P - 1,) bool array
        Whether what lies in a plane and in the next one overlaps.
    """
    gaps = np.diff(heights)[joined]
    return float(np.median(gaps)) if len(gaps) else 1.0


def slabs(heights: NDArray, distance: float) -> NDArray:
    """Return where the slab of each plane begins and ends; (P, 2) array.

    Half way to a neighbour, and half the usual distance where there is none.
    """
    gaps = np.diff(heights)
    half = np.where(gaps > NEIGHBOURS * distance, distance, gaps) / 2
    return np.stack(
        [heights - np.r_[distance / 2, half], heights + np.r_[half, distance / 2]], axis=1
    )


def missing_planes(heights: NDArray, joined: NDArray, distance: float) -> int:
    """Count gaps of one or two planes between planes that overlap: nobody drew there, perhaps."""
    gaps = np.diff(heights)[joined] / distance
    return int(((gaps > NEIGHBOURS) & (gaps < MISSING)).sum())


def overlapping(areas: Sequence[NDArray]) -> NDArray:
    """Return whether each of some pictures overlaps the next one; (P - 1,) bool array."""
    return np.array([bool(((a > 0) & (b > 0)).any()) for a, b in pairwise(areas)], bool)


def missing_slices(share: NDArray) -> int:
    """Count gaps of one or two slices in a mask; (X, Y, Z) array, slices along the last axis."""
    occupied = np.flatnonzero((share > 0).any(axis=(0, 1)))
    joined = overlapping([share[:, :, k] for k in occupied])
    return missing_planes(occupied.astype(float), joined, 1.0)


def fill(contours: Sequence[NDArray], shape: Sequence[int]) -> Filled:
    """Fill contours on a grid.

    Parameters
    ----------
    contours : sequence of (N, 3) float array
        At least one, in voxel indices of the grid.
    shape : 3 ints
        Of the grid.

    Raises
    ------
    ValueError
        The contours lie in no planes of the grid, or far beyond it.
    """
    axis = slice_axis(contours)
    others = [a for a in range(3) if a != axis]
    points = np.concatenate(contours)
    low, high = np.floor(points.min(0)).astype(int) - 1, np.ceil(points.max(0)).astype(int) + 2
    size = (int((high - low)[others[0]]), int((high - low)[others[1]]))
    _require_near(low, high, shape)
    planes = planes_of([c - _along(others, low) for c in contours], axis)
    heights = np.array([plane.height for plane in planes])
    areas = [area_shares(without_twins(plane.polygons), size) for plane in planes]
    joined = overlapping(areas)
    distance = usual_distance(heights, joined)
    share = np.zeros(tuple(shape), np.float32)
    held = total = 0.0
    across = np.moveaxis(share, axis, 0)  # a view: slices first
    for area, (begin, end) in zip(areas, slabs(heights, distance), strict=True):
        total += float(area.sum(dtype=np.float64)) * (end - begin)
        target, source = _common(size, low[others], across.shape[1:])
        for k in range(max(int(begin + 0.5), 0), min(int(end + 0.5) + 1, len(across))):
            part = min(end, k + 0.5) - max(begin, k - 0.5)
            if part > NEGLIGIBLE:
                across[k][target] += np.float32(part) * area[source]
                held += part * float(area[source].sum(dtype=np.float64))
    return Filled(
        np.clip(share, 0, 1),
        held / total if total else 0.0,
        distance,
        missing_planes(heights, joined, distance),
        sum(crossing_pairs(plane.polygons, size) for plane in planes),
        axis,
    )


def _along(axes: Sequence[int], corner: NDArray) -> NDArray:
    """Return a corner's places along some axes, 0 along the others."""
    found = np.zeros(3)
    found[list(axes)] = corner[list(axes)]
    return found


def _common(
    size: Sequence[int], corner: NDArray, shape: Sequence[int]
) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Return the common part of a picture and a grid: in the grid, and in the picture."""
    first = np.maximum(corner, 0)
    last = np.maximum(np.minimum(corner + size, shape), first)
    target = tuple(slice(int(a), int(b)) for a, b in zip(first, last, strict=True))
    start, stop = first - corner, last - corner
    return target, tuple(slice(int(a), int(b)) for a, b in zip(start, stop, strict=True))


def _require_near(low: NDArray, high: NDArray, shape: Sequence[int]) -> None:
    """Refuse contours that reach so far beyond the grid that they belong to another image."""
    beyond = max(int((-low).max()), int((high - np.asarray(shape)).max()))
    size = [int(n) for n in high - low]
    if prod(size) > MAX_VOXELS or beyond > 4 * max(shape):
        raise ValueError(
            f"the contours reach {beyond} voxels beyond the image of "
            f"{' x '.join(str(n) for n in shape)} voxels; check that outline and image belong "
            f"together"
        )
