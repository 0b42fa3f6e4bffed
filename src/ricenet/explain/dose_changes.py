"""Doses that a patient might have had: scaled, shifted, another patient's.

Arrays are ``(X, Y, Z)`` RAS+, as the network sees a dose. A dose that is 0 outside the brain was
masked there: what a shift brings in from outside is not known, and is continued from the nearest
voxel of the brain.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ricenet.image.intensity import zscore

SCALES = (0.8, 0.9, 1.0, 1.1, 1.2)
SHIFT_MM = 5.0
DIRECTIONS = (("right", "left"), ("anterior", "posterior"), ("superior", "inferior"))


class Patient(NamedTuple):
    """A dose and the brain that it lies in, both (X, Y, Z)."""

    name: str
    dose: NDArray
    brain: NDArray


class Change(NamedTuple):
    """A changed dose: what was done, by how much, and the result (X, Y, Z) float32."""

    kind: str
    amount: str
    dose: NDArray


def partner_of(name: str, names: Sequence[str]) -> str | None:
    """Return the subject after this one, the first after the last; None for a single subject."""
    after = names[(names.index(name) + 1) % len(names)]
    return None if after == name else after


def changes(
    patient: Patient, partner: Patient | None, *, spacing_mm: float, scaling: str
) -> Iterator[Change]:
    """Yield the doses to try, the patient's own among them (scaled by 1).

    Parameters
    ----------
    scaling : {"constant", "zscore"}
        How a dose was prepared for the network; ``zscore`` forgets the dose's height.
    """
    for factor in SCALES:
        yield Change("scaled", f"{factor:g}", seen(factor * patient.dose, patient, scaling))
    whole = continued(patient)
    for axis, names in enumerate(DIRECTIONS):
        for sign, name in zip((1, -1), names, strict=True):
            moved = shifted(whole, axis, sign * SHIFT_MM / spacing_mm)
            amount = f"{SHIFT_MM:g} mm {name}"
            yield Change("shifted", amount, seen(moved, patient, scaling))
    if partner:
        yield Change("swapped", partner.name, seen(continued(partner), patient, scaling))


def masked(patient: Patient) -> bool:
    """Return whether the dose was set to 0 outside the brain."""
    return not patient.dose[~patient.brain].any()


def continued(patient: Patient) -> NDArray:
    """Continue a masked dose beyond the brain by the value of the nearest voxel of the brain."""
    if not masked(patient):
        return patient.dose
    nearest = ndimage.distance_transform_edt(
        ~patient.brain, return_distances=False, return_indices=True
    )
    return patient.dose[tuple(nearest)]


def shifted(dose: NDArray, axis: int, voxels: float) -> NDArray:
    """Shift a dose along an axis, linearly interpolated; the edge's values continue."""
    by = np.zeros(3)
    by[axis] = voxels
    return ndimage.shift(dose.astype(np.float32), by, order=1, mode="nearest")


def seen(dose: NDArray, patient: Patient, scaling: str) -> NDArray:
    """Prepare a dose for the patient's network: masked and standardised as the patient's own."""
    dose = np.where(patient.brain, dose, 0) if masked(patient) else dose
    if scaling == "zscore":
        return zscore(dose, patient.brain)
    return dose.astype(np.float32)
