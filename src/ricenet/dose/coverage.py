"""Whether a dose grid holds the brain, and whether it is cut where dose still is.

All arrays are ``(X, Y, Z)`` on the reference grid.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage


def share_inside(inside: NDArray, brain: NDArray) -> float:
    """Return the share of the brain's voxels that lie inside a field of view; 0 without a brain."""
    return float(inside[brain].mean()) if brain.any() else 0.0


def cut_dose(dose_gy: NDArray, inside: NDArray, brain: NDArray) -> float:
    """Return the highest dose where the brain extends beyond the dose grid, Gy.

    Parameters
    ----------
    dose_gy : (X, Y, Z) float array
        Gy.
    inside, brain : (X, Y, Z) bool array
        Field of view of the dose; brain mask.

    Returns
    -------
    float
        Over voxels of the brain inside the grid that touch voxels of the brain outside it; 0
        where there is none.
    """
    beyond = ndimage.binary_dilation(brain & ~inside)
    rim = beyond & brain & inside
    return float(dose_gy[rim].max()) if rim.any() else 0.0


def view_holds_grid(inside: NDArray) -> bool:
    """Return whether the reference's field of view holds a dose grid whole.

    A grid is convex: it leaves the view if and only if it reaches one of the view's faces.
    """
    faces = [inside[0], inside[-1], inside[:, 0], inside[:, -1], inside[..., 0], inside[..., -1]]
    return bool(inside.any()) and not any(np.any(face) for face in faces)
