"""Boxes of voxels that a hidden cube changes, layer after layer: integer arithmetic alone.

A layer is local if each of its output voxels depends on a window of its input. With kernel k,
stride s, padding p and dilation d, output voxel o reads the input voxels s o - p, s o - p + d, ...,
s o - p + d (k - 1) (Dumoulin and Visin, arXiv 1603.07285). Axes are independent; arrays are
``(cubes, 3)``, in the order X, Y, Z.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Triple = tuple[int, int, int]


class Window(NamedTuple):
    """What an output voxel of a layer reads; the default is the voxel at the same place."""

    kernel: Triple = (1, 1, 1)
    stride: Triple = (1, 1, 1)
    padding: Triple = (0, 0, 0)
    dilation: Triple = (1, 1, 1)

    @property
    def span(self) -> NDArray:
        """(3,) voxels from the first to the last that is read, both counted."""
        return np.asarray(self.dilation) * (np.asarray(self.kernel) - 1) + 1


POINT = Window()


class Boxes(NamedTuple):
    """One box for each cube, inside one activation.

    Attributes
    ----------
    first, last : (cubes, 3) int array
        First and last voxel, both inside.
    shape : (3,) int array
        Shape of the activation.
    """

    first: NDArray
    last: NDArray
    shape: NDArray


class Crop(NamedTuple):
    """Crops of one size: ``starts`` is (cubes, 3) and may lie outside, ``size`` is (3,)."""

    starts: NDArray
    size: NDArray


def through(boxes: Boxes, window: Window) -> Boxes:
    """Return the boxes of a layer's output that can change if its input changes inside ``boxes``.

    A change that no window reads still gets a box of one voxel: more than is needed, never less.
    """
    stride, padding = np.asarray(window.stride), np.asarray(window.padding)
    shape = (boxes.shape + 2 * padding - window.span) // stride + 1
    # o is changed if s o - p <= last and s o - p + span - 1 >= first; -(-a // b) rounds up
    first = -(-(boxes.first + padding - window.span + 1) // stride)
    last = (boxes.last + padding) // stride
    first = np.clip(first, 0, shape - 1)
    return Boxes(first, np.clip(last, first, shape - 1), shape)


def union(several: Sequence[Boxes]) -> Boxes:
    """Return the smallest boxes that hold those of several activations of one shape.

    Raises
    ------
    ValueError
        The shapes differ: a sum that repeats one of them is not local.
    """
    if any(not np.array_equal(b.shape, several[0].shape) for b in several):
        raise ValueError(f"activations of shapes {[b.shape.tolist() for b in several]} are summed")
    first = np.minimum.reduce([b.first for b in several])
    return Boxes(first, np.maximum.reduce([b.last for b in several]), several[0].shape)


def crop(boxes: Boxes, chosen: NDArray) -> Crop:
    """Cut crops of one size, all inside the activation, around the boxes of the chosen cubes."""
    size = (boxes.last[chosen] - boxes.first[chosen] + 1).max(axis=0)
    return Crop(np.minimum(boxes.first[chosen], boxes.shape - size), size)


def read_by(out: Crop, window: Window) -> Crop:
    """Find what a layer reads of its input to write the crops ``out``."""
    stride, padding = np.asarray(window.stride), np.asarray(window.padding)
    return Crop(out.starts * stride - padding, (out.size - 1) * stride + window.span)


def by_size(several: Sequence[Boxes]) -> NDArray:
    """Sort the cubes by the sizes of their boxes, those of the last layers first.

    A batch computes its largest box for all of its cubes.
    """
    widths = np.concatenate([b.last - b.first for b in several], axis=1)
    return np.lexsort(widths.T)


def slices(first: NDArray, end: NDArray) -> tuple[slice, ...]:
    """Return the index of the box from ``first`` up to and without ``end``."""
    return tuple(slice(int(a), int(b)) for a, b in zip(first, end, strict=True))
