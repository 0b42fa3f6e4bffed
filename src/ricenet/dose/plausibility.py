"""Whether the size of a dose fits what was prescribed."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

LOWEST, HIGHEST = 0.9, 1.15  # near-maximum of a plan over its prescription


def near_maximum(dose_gy: NDArray) -> float:
    """Return 99.9th percentile of the voxels above half of the maximum, Gy: no single hot voxel."""
    return float(np.percentile(dose_gy[dose_gy > dose_gy.max() / 2], 99.9))


def plausibility(
    near_maximum_gy: float, prescription_gy: float, n: int | None, *, kind: str
) -> dict[str, Any]:
    """Compare the near-maximum of a stored dose with the prescription.

    Parameters
    ----------
    near_maximum_gy, prescription_gy : float
        Near-maximum of the stored dose, and prescription of the course.
    n : int or None
        Number of fractions that the prescription is given in.
    kind : str
        What the dose is taken for, ``total`` or ``per_fraction``.

    Returns
    -------
    dict
        Numbers for the ledger; ``over_prescription`` is the share as what it is taken for,
        ``contradiction`` a sentence or None.
    """
    shares = {"total": near_maximum_gy / prescription_gy}
    if n:
        shares["per_fraction"] = shares["total"] * n
    fits = [name for name, share in shares.items() if LOWEST <= share <= HIGHEST]
    reads_as = " or ".join(fits) or "neither"
    return {
        "near_maximum_gy": round(near_maximum_gy, 4),
        "near_maximum": "99.9th percentile of the voxels above half of the maximum",
        "prescription_gy": prescription_gy,
        "reads_as": reads_as,
        **{f"over_prescription_as_{k}": round(v, 4) for k, v in shares.items()},
        "over_prescription": shares.get(kind, shares["total"]),
        "contradiction": None
        if kind in fits
        else (
            f"taken for {kind}, but the near-maximum {near_maximum_gy:.3f} Gy is "
            f"{shares['total']:.3f} of the prescription {prescription_gy:g} Gy"
            + (f" and {shares['per_fraction']:.3f} of one of {n} fractions" if n else "")
            + f" ({LOWEST} to {HIGHEST} expected): it reads as {reads_as}"
        ),
    }
