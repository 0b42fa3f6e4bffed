"""Regions of a brain that maps are held against: isodose, new enhancement, the rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ricenet.explain import map_statistics
from ricenet.image.enhancement import new_enhancement


class Regions(NamedTuple):
    """Regions of a brain, and how their limits were found.

    Attributes
    ----------
    codes : (X, Y, Z) int array
        See :func:`ricenet.explain.map_statistics.region_codes`.
    there : list of str
        Regions that the channels allow, of :data:`ricenet.explain.map_statistics.REGIONS`.
    facts : dict
    """

    codes: NDArray
    there: list[str]
    facts: dict[str, Any]


def regions(
    images: Mapping[str, NDArray],
    mask: NDArray,
    dose: str | None,
    pair: Sequence[str],
    *,
    spacing_mm: Sequence[float],
    prescription_gy: float | None,
    physical: bool,
) -> Regions:
    """Return the regions that the channels allow: the isodose of a dose, the new enhancement.

    Parameters
    ----------
    images : dict of str to (X, Y, Z) array
        MRI, z-scored, and dose, Gy, by channel.
    mask : (X, Y, Z) bool array
    dose : str or None
        Channel of the dose.
    pair : sequence of str
        The MRI before and after whose difference is new enhancement; empty if there are none.
    prescription_gy, physical
        See :func:`ricenet.explain.map_statistics.isodose_level`.
    """
    inside, enhancing = np.zeros_like(mask), np.zeros_like(mask)
    there = ["elsewhere"]
    facts: dict[str, Any] = {}
    if pair:
        before, after = (images[name] for name in pair)
        enhancing = new_enhancement(after, before, mask, spacing_mm=spacing_mm)
        facts |= {"enhancement": " - ".join(reversed(pair))}
        there.insert(0, "enhancement")
    if dose:
        dose_gy = np.where(mask, images[dose], 0)
        level, source = map_statistics.isodose_level(
            dose_gy, prescription_gy=prescription_gy, physical=physical
        )
        inside = mask & (dose_gy >= level)
        facts |= {"isodose_gy": level if np.isfinite(level) else None, "isodose_of": source}
        there.insert(0, "isodose-95")
    return Regions(map_statistics.region_codes(mask, inside, enhancing), there, facts)
