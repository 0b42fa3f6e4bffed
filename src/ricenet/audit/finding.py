"""A physical invariant of one file, as computed from its voxels: value, limits, verdict."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ricenet.audit.records import Record
from ricenet.image.volume import Volume
from ricenet.step import checks
from ricenet.study import layout

AFFINE_TOLERANCE_MM = 1e-3  # single precision at 300 mm from the origin is 3e-5

Volumes = Callable[[str], Volume]
Arrays = Callable[[str], NDArray]


@dataclass(frozen=True)
class Finding:
    """An invariant of one file.

    Attributes
    ----------
    record : Record
        Record of the file.
    file : str
        The file that it is about.
    needs : tuple of str
        Files that it was computed from besides.
    check : dict
        Name, value, limits, verdict, as in a record.
    """

    record: Record
    file: str
    needs: tuple[str, ...]
    check: Mapping[str, Any]

    @property
    def key(self) -> tuple[str, str]:
        """Subject and ``<record>/<check>``, as a decision in the overrides table names it."""
        name = layout.record_name(self.record.name)
        return self.record.subject, f"{name}/{self.check['check']}"


def finding(
    record: Record,
    file: str,
    needs: Iterable[str],
    name: str,
    value: float,
    *,
    at_least: float | None = None,
    at_most: float | None = None,
    unit: str = "",
) -> Finding:
    """Return a finding with its verdict; what is not a number fails."""
    beyond = 1e300 if at_most is not None else -1e300
    number = float(value) if np.isfinite(value) else beyond
    check = checks.verdict(name, number, at_least=at_least, at_most=at_most, unit=unit)
    return Finding(record, file, tuple(needs), check)


def same_grid(record: Record, file: str, image: Volume, other: str, grid: Volume) -> Finding:
    """Check that an image lies on the grid of another: distance of the affines, mm."""
    shaped = image.data.shape[:3] == grid.data.shape[:3]
    apart = float(np.abs(image.affine - grid.affine).max()) if shaped else np.inf
    name, limit = f"same-grid {short(file)}", AFFINE_TOLERANCE_MM
    return finding(record, file, [other], name, apart, at_most=limit, unit="mm")


def background(record: Record, file: str, data: NDArray, other: str, brain: NDArray) -> Finding:
    """Count the voxels outside the brain that are not exactly 0."""
    voxels = int(np.count_nonzero(data[~brain])) if data.shape == brain.shape else data.size
    return finding(
        record, file, [other], f"background {short(file)}", voxels, at_most=0, unit="voxels"
    )


def short(file: str) -> str:
    """Return the name of a file without folder and suffixes."""
    return layout.short_name(file)
