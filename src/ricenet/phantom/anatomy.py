"""A subject's own anatomy: the canonical head under a smooth random deformation.

Axes are (X, Y, Z) in RAS mm of the canvas.
"""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from ricenet.phantom.canvas import LOW_MM, Canvas, coarser, smooth_field
from ricenet.phantom.head import Head

PLANNING_MM = 2.0  # pathology and dose are planned on about this grid, and interpolated from it


@dataclass(frozen=True)
class Anatomy:
    """One subject's head, without pathology; (X, Y, Z) float32 arrays.

    `signal` (white matter = 1), `hounsfield` (HU) and `brain` (0 to 1) lie on `canvas`;
    `planning_brain`, `white`, `body` (0 to 1) and `dura_mm` (mm, negative inside) on `planning`,
    which is every `step`-th voxel of the canvas.
    """

    canvas: Canvas
    planning: Canvas
    step: int
    signal: np.ndarray
    hounsfield: np.ndarray
    brain: np.ndarray
    planning_brain: np.ndarray
    white: np.ndarray
    body: np.ndarray
    dura_mm: np.ndarray


@dataclass(frozen=True)
class Deformation:
    """Canonical position of a canvas point p (RAS mm): `linear` p + `shift_mm` at p.

    `linear` is a (3, 3), `shift_mm` a (3, X, Y, Z) float array.
    """

    linear: np.ndarray
    shift_mm: np.ndarray


def draw_deformation(rng: np.random.Generator, canvas: Canvas) -> Deformation:
    """Draw a head 1 to 10 % smaller than the atlas, a little shear, and a warp of about 3 mm.

    The atlas's average brain, 1.9 l with its fluid, is larger than most patients'.
    """
    off_diagonal = rng.normal(0, 0.012, (3, 3)) * (1 - np.eye(3))
    linear = np.diag(rng.uniform(0.99, 1.11, 3)) + off_diagonal
    shift = [
        smooth_field(rng, shape=canvas.shape, spacing_mm=canvas.spacing_mm, sigma_mm=28, rms=2.6)
        + smooth_field(rng, shape=canvas.shape, spacing_mm=canvas.spacing_mm, sigma_mm=10, rms=0.9)
        for _ in range(3)
    ]
    return Deformation(linear, np.stack(shift))


def canonical_indices(deformation: Deformation, canvas: Canvas) -> np.ndarray:
    """Return each canvas voxel's place in the canonical head, (3, X, Y, Z) float32, in voxels."""
    axes = canvas.axes_mm()
    indices = deformation.shift_mm.astype(np.float32)
    for i in range(3):
        for j in range(3):
            indices[i] += np.float32(deformation.linear[i, j]) * axes[j]
        indices[i] -= np.float32(LOW_MM[i])
    indices /= np.float32(canvas.spacing_mm)
    return indices


def sample(volume: np.ndarray, indices: np.ndarray) -> np.ndarray:
    """Interpolate linearly at (3, X, Y, Z) voxel positions; the edge voxels continue outside."""
    return ndimage.map_coordinates(volume, indices, order=1, mode="nearest", output=np.float32)


def deform(head: Head, deformation: Deformation, canvas: Canvas) -> Anatomy:
    """Apply a deformation to the canonical head (both on `canvas`)."""
    planning, step = coarser(canvas, PLANNING_MM)
    indices = canonical_indices(deformation, canvas)
    sparse = np.ascontiguousarray(indices[:, ::step, ::step, ::step])
    brain = sample(head.brain, indices)
    return Anatomy(
        canvas=canvas,
        planning=planning,
        step=step,
        signal=sample(head.signal, indices),
        hounsfield=sample(head.hounsfield, indices),
        brain=brain,
        planning_brain=brain[::step, ::step, ::step],
        white=sample(head.white, sparse),
        body=sample(head.body, sparse),
        dura_mm=sample(head.dura_mm, sparse),
    )
