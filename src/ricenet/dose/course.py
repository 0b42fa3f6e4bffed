"""A course as the sum of what was delivered of each plan.

Parts are ``(X, Y, Z)`` volumes in Gy; together they are ``(X, Y, Z, P)``, one part a plan.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from ricenet.dose.decision import Choice
from ricenet.dose.fractions import BY_PLAN, Fractions
from ricenet.dose.plausibility import near_maximum
from ricenet.image.volume import Volume

EQUAL = 0.02  # relative: two prescriptions are one
LIKE = 0.1  # relative: two doses are of one size
OVERLAP = 0.5  # Dice of what two doses treat: more is one target


@dataclass
class Part:
    """One plan's share of the course.

    Attributes
    ----------
    choice : Choice
        Its dose.
    fractions : Fractions
        How many it is given in.
    prescription_gy : float or None
        Highest target prescription of its plan: the plan's own, or that of the whole course.
    plan : str
        8 hex digits that name it.
    objects : list of str
        Digests of the objects that its dose was made of.
    group_gy : float or None
        Prescription of the plan's own fraction groups.
    beams_gy : float or None
        Dose of all planned fractions at the beams' specification points.
    named : bool
        Whether its dose names the plan; else the plan lies beside it and counts for its size only.
    unprescribed : bool
        It is a sum of plans whose prescriptions are unknown, or may be of one course planned twice
        (:func:`may_be_one_course`).
    """

    choice: Choice
    fractions: Fractions
    prescription_gy: float | None
    plan: str
    objects: list[str]
    group_gy: float | None = None
    beams_gy: float | None = None
    named: bool = True
    unprescribed: bool = False

    @property
    def single(self) -> bool:
        """Whether the stored dose is that of one fraction."""
        return self.choice.kind == "per_fraction"

    @property
    def factor(self) -> float:
        """What the stored dose is multiplied by to give what was delivered."""
        if self.single:
            return self.fractions.count or 1
        delivered = self.fractions.delivered_share if self.choice.stored_kind == "total" else 1.0
        return int(delivered) if delivered == int(delivered) else delivered

    @property
    def prescribed_in(self) -> int | None:
        """Fractions that the plan's prescription is given in: planned, not delivered."""
        return self.fractions.planned or self.fractions.count

    @property
    def factor_as_planned(self) -> float:
        """What the stored dose is multiplied by to give the whole plan."""
        return float(self.prescribed_in or 1) if self.single else 1.0

    @property
    def own_gy(self) -> float | None:
        """What the plan prescribes for itself, as far as it tells that from the course."""
        return self.group_gy or self.prescription_gy


def weighted_sum(volume: Volume, factors: Sequence[float]) -> NDArray:
    """Return the sum of parts, each multiplied by its factor; (X, Y, Z)."""
    data = volume.data if volume.data.ndim == 4 else volume.data[..., None]
    total = np.zeros(data.shape[:3], np.float32)
    for place, factor in enumerate(factors):
        total += data[..., place] * np.float32(factor)
    return total


def one_course_twice(parts: Sequence[Part], volume: Volume) -> list[tuple[int, int]]:
    """Return the pairs of parts that look like one course planned twice.

    As after a replan: nothing in which they differ (prescription, planned fractions), near-maxima
    alike, and the same volume treated. What a plan does not say does not tell two apart.

    Parameters
    ----------
    volume : Volume
        (X, Y, Z, P), Gy as stored.
    """
    if len(parts) < 2:
        return []
    planned = [volume.data[..., i] * p.factor_as_planned for i, p in enumerate(parts)]
    sizes = [near_maximum(dose) for dose in planned]
    treated = [dose > size / 2 for dose, size in zip(planned, sizes, strict=True)]
    return [
        (a, b)
        for a, b in combinations(range(len(parts)), 2)
        if _alike(parts[a].prescription_gy, parts[b].prescription_gy, EQUAL)
        and _alike(parts[a].fractions.planned, parts[b].fractions.planned, 0)
        and _alike(sizes[a], sizes[b], LIKE)
        and _dice(treated[a], treated[b]) > OVERLAP
    ]


def may_be_one_course(
    prescriptions_gy: Sequence[float | None], planned: Sequence[int | None]
) -> bool:
    """Return whether two of several plans differ in neither prescription nor fractions.

    All that can be said of plans whose doses are in one grid.
    """
    return any(
        _alike(prescriptions_gy[a], prescriptions_gy[b], EQUAL)
        and _alike(planned[a], planned[b], 0)
        for a, b in combinations(range(len(planned)), 2)
    )


def _alike(a: float | None, b: float | None, tolerance: float) -> bool:
    return a is None or b is None or abs(a - b) <= tolerance * max(a, b)


def _dice(a: NDArray, b: NDArray) -> float:
    return 2 * int((a & b).sum()) / max(int(a.sum()) + int(b.sum()), 1)


def require_told_apart(parts: Sequence[Part], volume: Volume) -> None:
    """Raise ``ValueError`` where plans look like one course twice, and nobody says what was given.

    The row, or treatment records, of each plan are an answer, whatever it is.
    """
    for pair in one_course_twice(parts, volume):
        first, second = (parts[i] for i in pair)
        if all(p.fractions.source not in (None, "plan") for p in (first, second)):
            continue
        n, gy = first.fractions.planned, first.prescription_gy
        about = [f"{gy:g} Gy" if gy else "", f"{n} fractions" if n else ""]
        shown = ", ".join(x for x in about if x)
        add = "" if n else "add the RTPLAN of each dose, and "
        raise ValueError(
            f"{add}{BY_PLAN}: plans {first.plan} and {second.plan} look like one course planned "
            f"twice (each {shown + ', ' if shown else ''}maxima "
            f"{first.choice.volume.data.max():.2f} and {second.choice.volume.data.max():.2f} Gy "
            f"as stored, in the same place)"
        )
