"""Unevenly spaced dose frames on an even grid.

Arrays are ``(X, Y, Z)``: columns, rows, frames; offsets are mm along the normal of the frames.
GridFrameOffsetVector may hold any distances (DICOM PS3.3 C.8.8.3.2); an affine can not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

TOLERANCE_MM = 0.01  # distances are commensurable to this; headers are seldom written finer
MIN_STEP_MM = 0.25  # a finer even grid would be many times the size of what was calculated
MIN_GAP_MM = 0.05  # closer frames are one frame stored twice
MAX_FRAMES = 4096  # more of them cannot be a patient's dose


@dataclass(frozen=True)
class EvenFrames:
    """An even row of frames from the first to the last of an uneven one.

    Attributes
    ----------
    stored_mm : (N,) float array
        Distance of each stored frame from the first, ascending.
    sign : float
        1 where the stored frames ascend along the normal, -1 where they descend.
    step_mm : float
        Distance of the even frames.
    count : int
        Number of the even frames.
    exact : bool
        Every stored frame is one of the even frames.
    """

    stored_mm: NDArray
    sign: float
    step_mm: float
    count: int
    exact: bool

    @property
    def note(self) -> str:
        """What was done, for the ledger."""
        kept = "each stored frame kept" if self.exact else "stored frames not kept: no common step"
        return (
            f"{len(self.stored_mm)} uneven frames regridded to {self.count} of "
            f"{self.step_mm:.4g} mm by linear interpolation, {kept}"
        )


def even_frames(offsets_mm: NDArray, label: str) -> EvenFrames:
    """Return even frames that replace uneven ones, within their range.

    The step is the largest that meets every stored frame, their greatest common divisor; where
    that is too fine, the largest up to the smallest distance that meets both ends.

    Parameters
    ----------
    offsets_mm : (N,) float array
        Along the normal from the first frame, all ascending or all descending.
    label : str
        What messages call the file.

    Raises
    ------
    ValueError
        Frames in no order, or two at one place.
    """
    sign = 1.0 if offsets_mm[-1] > offsets_mm[0] else -1.0
    stored = sign * (offsets_mm - offsets_mm[0])
    gaps = np.diff(stored)
    if gaps.min() < MIN_GAP_MM:
        raise ValueError(
            f"{label}: uneven frame distances, {gaps.min():g} to {gaps.max():g} mm: frames in no "
            f"order or two at one place; export it again"
        )
    total = float(stored[-1])
    fewest = int(np.ceil((total - TOLERANCE_MM) / max(gaps.min() + TOLERANCE_MM, MIN_STEP_MM)))
    for intervals in range(fewest, min(int(total / MIN_STEP_MM), MAX_FRAMES) + 1):
        step = total / intervals
        met = np.rint(stored / step) * step
        if np.abs(stored - met).max() <= TOLERANCE_MM:
            return EvenFrames(met, sign, step, intervals + 1, True)
    intervals = int(np.ceil(total / max(gaps.min(), MIN_STEP_MM) - 1e-6))
    return EvenFrames(stored, sign, total / intervals, intervals + 1, False)


def interpolate(data: NDArray, frames: EvenFrames) -> NDArray:
    """Return the linear interpolation along the last axis.

    Parameters
    ----------
    data : (X, Y, N) float array
        Stored frames.

    Returns
    -------
    (X, Y, count) float array
        A frame that coincides with a stored one holds exactly its values.
    """
    wanted = np.arange(frames.count) * frames.step_mm
    below = np.searchsorted(frames.stored_mm, wanted, side="right") - 1
    below = np.clip(below, 0, len(frames.stored_mm) - 2)
    gaps = np.diff(frames.stored_mm)[below]
    # rounded, or a stored frame would be mixed with a trace of its neighbour
    weight = np.round((wanted - frames.stored_mm[below]) / gaps, 9).clip(0, 1).astype(data.dtype)
    return data[..., below] * (1 - weight) + data[..., below + 1] * weight
