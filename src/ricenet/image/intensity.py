"""Intensities as the network sees them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def zscore(data: NDArray, mask: NDArray) -> NDArray:
    """Standardise intensities by the statistics inside a mask.

    Parameters
    ----------
    data : (X, Y, Z) array
        MRI intensities, arbitrary units.
    mask : (X, Y, Z) bool array
        Brain.

    Returns
    -------
    (X, Y, Z) float32 array
        Dimensionless; 0 outside the mask.

    Raises
    ------
    ValueError
        The mask is empty, or the intensities inside it are constant.
    """
    inside = data[mask].astype(np.float64)
    if inside.size == 0:
        raise ValueError("the brain mask is empty")
    deviation = inside.std()
    if not deviation > 0:
        raise ValueError(f"all voxels of the brain have the same value, {inside[0]:g}")
    scaled = np.zeros(data.shape, np.float32)
    scaled[mask] = (inside - inside.mean()) / deviation
    return scaled


def scale_dose(dose_gy: NDArray, mask: NDArray, *, scaling: str, scale_gy: float) -> NDArray:
    """Return the dose as the network sees it.

    Parameters
    ----------
    dose_gy : (X, Y, Z) array
        Gy of the whole course.
    mask : (X, Y, Z) bool array
        Brain, for the statistics of ``zscore``.
    scaling : {"constant", "zscore"}
        Divided by ``scale_gy``; or standardised per volume, which forgets the dose's height.
    scale_gy : float
        Gy that become 1.
    """
    if scaling == "zscore":
        return zscore(dose_gy, mask)
    return dose_gy / np.float32(scale_gy)
