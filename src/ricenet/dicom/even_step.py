"""The way from each plane of a series to the next, or why there is none.

Positions are compared with what rounding may have made of them: headers are rewritten with fewer
digits, and thin slices then look uneven, beside their line or tilted.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ricenet.dicom.refusal import refusal

GAP_TOLERANCE = 0.03  # of the slice distance
TILT_TOLERANCE = 0.005  # sine of the angle between step and normal: 0.3 degrees
COARSEST_MM = 0.1  # rounding of positions beyond which an even stack cannot be told
ROUNDED_OFF = 0.9  # of the rounding: half of it in each of three coordinates
WHOLE_MM_OFF = 0.75  # mm; half of one, and what the best line leaves
OFF_LINE = 0.2  # of the slice distance: a lost slice shifts the others by more


def even_step(positions: NDArray, normal: NDArray, *, orientation_decimals: int = 6) -> NDArray:
    """Return the way from each plane to the next.

    Parameters
    ----------
    positions : (N, 3) float array
        ImagePositionPatient in order along the normal, LPS, mm.
    normal : (3,) float array
        Unit normal of the planes.
    orientation_decimals : int
        To which the direction cosines that the normal comes from are rounded.

    Returns
    -------
    (3,) float array
        Mean step, LPS, mm.

    Raises
    ------
    ValueError
        Positions repeated, missing, uneven, or not along the normal.
    """
    along = (positions - positions[0]) @ normal
    usual = float(np.median(np.diff(along)))
    rounding = rounding_mm(positions)
    _require_even(along, usual, rounding * float(np.abs(normal).sum()))
    step = (positions[-1] - positions[0]) / (len(positions) - 1)
    aside = float(np.linalg.norm(step - (step @ normal) * normal))
    tilt, length = aside / np.linalg.norm(step), float(np.linalg.norm(positions[-1] - positions[0]))
    if tilt > TILT_TOLERANCE and tilt * length > TILT_TOLERANCE * length + 2 * rounding:
        degrees = float(np.degrees(np.arcsin(tilt)))
        if 0 < orientation_decimals <= 2 and degrees < 1:
            raise ValueError(
                f"ImageOrientationPatient is rounded to {orientation_decimals} decimals, which "
                f"turns the planes by {degrees:.2f} degrees against their positions; export the "
                f"series again with all digits"
            )
        raise ValueError(
            f"gantry tilt of {degrees:.2f} degrees: the slices are sheared "
            f"against each other; give a series without tilt, or one that was corrected"
        )
    _require_straight(positions, step, usual, rounding)
    return step


def rounding_mm(positions: NDArray) -> float:
    """Return the step that positions are rounded to, mm: 0.1, 0.01, 0.001, or 0 for finer."""
    for step in (COARSEST_MM, 0.01, 0.001):
        if np.abs(positions - (positions / step).round() * step).max() < 1e-6:
            return step
    return 0.0


def _require_even(along: NDArray, usual: float, rounding: float) -> None:
    """Refuse repeated, missing or uneven positions.

    ``usual`` is the median distance; ``rounding`` is what a distance may be off by, mm.
    """
    gaps = np.diff(along)
    seen = f"slices lie at {along.round(2).tolist()} mm"
    apart = gaps >= max(1e-3, 0.01 * usual)
    if not apart.all():
        raise refusal(
            f"duplicate positions: {len(along)} images at {int(apart.sum()) + 1} places, several "
            f"echoes, phases or time points; keep one of each",
            listed=seen,
        )
    uneven = np.abs(gaps - usual) > GAP_TOLERANCE * usual
    rounded = np.abs(gaps - gaps.mean()).max() < rounding - 1e-6
    if not uneven.any() or (rounded and _off_line(along) <= OFF_LINE * usual):
        return
    at = int(np.argmax(np.abs(gaps - usual)))
    whole = np.abs(along - along.round()).max() < 1e-6 and uneven.sum() > 1
    coarse = whole and np.ptp(gaps) <= 1 and _off_line(along) < WHOLE_MM_OFF
    why = ", or positions that are rounded to whole mm" if coarse else ""
    raise refusal(
        f"missing slice or uneven distance{why}: {gaps[at]:.3f} mm after slice {at + 1}, usually "
        f"{usual:.3f} mm ({int(uneven.sum())} of {len(gaps)} distances differ); complete the "
        f"series, or export it again with exact positions",
        listed=seen,
    )


def _off_line(along: NDArray) -> float:
    """Return how far positions are from the even ones that fit them best, mm."""
    places = np.arange(len(along))
    return float(np.abs(along - np.polyval(np.polyfit(places, along, 1), places)).max())


def _require_straight(positions: NDArray, step: NDArray, usual: float, rounding: float) -> None:
    """Refuse planes that deviate from the straight line that the affine assumes."""
    ideal = positions[0] + np.arange(len(positions))[:, None] * step
    away = float(np.linalg.norm(positions - ideal, axis=1).max())
    if away > max(0.05, 2 * GAP_TOLERANCE * usual, 2 * ROUNDED_OFF * rounding):
        raise ValueError(
            f"the slices do not lie on a straight line: up to {away:.3f} mm beside it; export the "
            f"series again"
        )
