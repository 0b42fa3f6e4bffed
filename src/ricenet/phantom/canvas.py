"""The canvas: the grid on which a head is made, and smooth random fields on any grid.

Axes are (X, Y, Z) in RAS millimetres of the ICBM152 space.
"""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

# Holds the head with ears, nose and neck, and leaves room for its random deformation.
LOW_MM = np.array([-108.0, -146.0, -166.0])
HIGH_MM = np.array([108.0, 134.0, 124.0])


@dataclass(frozen=True)
class Canvas:
    """A regular grid over the head's box.

    Parameters
    ----------
    spacing_mm : float
        Distance of neighbouring voxels, in mm, along all axes.
    """

    spacing_mm: float

    @property
    def shape(self) -> tuple[int, int, int]:
        """Number of voxels along (X, Y, Z)."""
        counts = np.floor((HIGH_MM - LOW_MM) / self.spacing_mm).astype(int) + 1
        return int(counts[0]), int(counts[1]), int(counts[2])

    @property
    def affine(self) -> np.ndarray:
        """(4, 4) float array, voxel indices to RAS mm."""
        affine = np.diag([self.spacing_mm] * 3 + [1.0])
        affine[:3, 3] = LOW_MM
        return affine

    def axes_mm(self) -> list[np.ndarray]:
        """Return coordinates in mm: broadcastable float32 arrays (X,1,1), (1,Y,1), (1,1,Z)."""
        lines = [
            (LOW_MM[k] + self.spacing_mm * np.arange(self.shape[k])).astype(np.float32)
            for k in range(3)
        ]
        return list(np.meshgrid(*lines, indexing="ij", sparse=True))

    def index_of(self, points_mm: np.ndarray) -> np.ndarray:
        """Return the nearest voxel, (..., 3) int array, of (..., 3) points in RAS mm."""
        return np.round((points_mm - LOW_MM) / self.spacing_mm).astype(int)


def coarser(canvas: Canvas, spacing_mm: float) -> tuple[Canvas, int]:
    """Find the canvas of about `spacing_mm` made of every n-th voxel.

    Returns
    -------
    canvas : Canvas
        The sub-grid; the canvas itself if it is that coarse already.
    step : int
        n: `volume[::n, ::n, ::n]` lies on the sub-grid.
    """
    step = max(1, round(spacing_mm / canvas.spacing_mm))
    return Canvas(canvas.spacing_mm * step), step


def sample_axes(volume: np.ndarray, positions: list[np.ndarray]) -> np.ndarray:
    """Interpolate linearly along the axes, one after the other (edges are repeated).

    Parameters
    ----------
    volume : (X, Y, Z) float array
    positions : three 1-D float arrays
        Where to sample each axis, in voxels of `volume`.

    Returns
    -------
    sampled : float32 array of shape (len(positions[0]), len(positions[1]), len(positions[2]))
    """
    sampled = np.asarray(volume, np.float32)
    for axis, position in enumerate(positions):
        size = sampled.shape[axis]
        where = np.clip(position, 0, size - 1)
        below = np.minimum(where.astype(int), size - 2)
        weight_shape = [1, 1, 1]
        weight_shape[axis] = -1
        weight = (where - below).astype(np.float32).reshape(weight_shape)
        low = np.take(sampled, below, axis)
        sampled = low + weight * (np.take(sampled, below + 1, axis) - low)
    return sampled


def move_to(volume: np.ndarray, source: Canvas, target: Canvas) -> np.ndarray:
    """Interpolate a volume from one canvas to another, (X, Y, Z) float32 array."""
    if source == target:
        return np.asarray(volume, np.float32)
    ratio = target.spacing_mm / source.spacing_mm
    return sample_axes(volume, [ratio * np.arange(n) for n in target.shape])


def smooth_field(
    rng: np.random.Generator,
    *,
    shape: tuple[int, ...],
    spacing_mm: float | np.ndarray,
    sigma_mm: float,
    rms: float,
) -> np.ndarray:
    """Draw a band-limited random field.

    The noise is drawn on knots that lie a fixed number of millimetres apart, so that canvases of
    1 and of 2 mm get the same field.

    Parameters
    ----------
    rng : numpy random generator
    shape : (X, Y, Z)
    spacing_mm : float or three floats, mm
    sigma_mm : float
        Width of the Gaussian that the white noise is smoothed with, mm.
    rms : float
        Root mean square of the field, in the unit that is wanted.

    Returns
    -------
    field : (X, Y, Z) float32 array
    """
    knot_mm = sigma_mm / 2
    spacing = np.broadcast_to(spacing_mm, 3)
    extent = (np.array(shape) - 1) * spacing
    knots = np.ceil(extent / knot_mm).astype(int) + 3
    noise = rng.standard_normal(knots, dtype=np.float32)
    noise = ndimage.gaussian_filter(noise, sigma_mm / knot_mm)
    noise *= rms / noise.std()
    return sample_axes(noise, [1 + np.arange(shape[k]) * spacing[k] / knot_mm for k in range(3)])
