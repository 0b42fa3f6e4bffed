"""Several images at one place: copies are dropped, echoes, phases or time points distinguished."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ricenet.dicom.elements import (
    ELEMENTS,
    HIDDEN_ELEMENTS,
    by_number,
    shown_value,
    unit_of,
)
from ricenet.dicom.planes import matrix, pixels
from ricenet.dicom.refusal import refusal
from ricenet.dicom.slices import Slice


def without_copies(planes: Sequence[Slice]) -> list[Slice]:
    """Drop planes that repeat another one's place and pixels under another name.

    Pixels are read only where several planes share a place, and each file once.
    """
    places: dict[tuple[Any, ...], list[Slice]] = {}
    for plane in planes:
        key = (*plane.position.round(3).tolist(), *plane.orientation.round(4).tolist())
        places.setdefault(key, []).append(plane)
    shared = [plane for there in places.values() if len(there) > 1 for plane in there]
    contents = _contents(shared)
    kept: list[Slice] = []
    for there in places.values():
        first: dict[tuple[Any, ...], Slice] = {}
        for plane in there if len(there) > 1 else ():
            first.setdefault(contents[plane.file.label, plane.frame], plane)
        kept += first.values() or there
    return kept


def _contents(planes: Iterable[Slice]) -> dict[tuple[str, int], tuple[Any, ...]]:
    """Return what tells planes apart, by file and frame; one file is in memory at a time."""
    by_file: dict[str, list[Slice]] = {}
    for plane in planes:
        by_file.setdefault(plane.file.label, []).append(plane)
    found: dict[tuple[str, int], tuple[Any, ...]] = {}
    for label, within in by_file.items():
        frames = pixels(within[0].file)
        found |= {(label, plane.frame): _content(plane, frames) for plane in within}
    return found


def _content(plane: Slice, frames: NDArray) -> tuple[Any, ...]:
    stored = np.ascontiguousarray(frames[plane.frame])
    digest = hashlib.sha256(stored.tobytes()).hexdigest()
    return digest, plane.slope, plane.intercept, matrix(plane.file), *plane.spacing.tolist()


def require_one_image_a_place(ordered: Sequence[Slice], along: NDArray) -> None:
    """Refuse several images at one place, naming how they differ.

    Parameters
    ----------
    ordered : sequence of Slice
        In order of position.
    along : (N,) float array
        Their positions along the normal, mm, ascending.

    Raises
    ------
    ValueError
        Several echoes, phases or time points.
    """
    new = along_apart(along)
    if new.all():
        return
    place = np.concatenate([[0], np.cumsum(new)])
    groups: list[list[Slice]] = [[] for _ in range(place[-1] + 1)]
    for plane, k in zip(ordered, place, strict=True):
        groups[k].append(plane)
    groups = [group for group in groups if len(group) > 1]
    differ = differing(groups)
    raise refusal(
        f"duplicate positions: {len(ordered)} images at {len(along) - int((~new).sum())} places, "
        f"for example {len(groups[0])} at {along[np.flatnonzero(~new)[0]]:.2f} mm: "
        f"{series_kind(groups, differ)}; {differences(differ)}; keep one of each, as a series of "
        f"its own",
        listed=f"slices lie at {along.round(2).tolist()} mm",
    )


def along_apart(along: NDArray) -> NDArray:
    """Return for each plane but the first whether it lies at another place than the one before.

    Parameters
    ----------
    along : (N,) float array
        Positions along the normal, mm, ascending.

    Returns
    -------
    (N - 1,) bool array
    """
    gaps = np.diff(along)
    beyond = gaps[gaps >= 1e-3]  # the median of all is 0 where most planes repeat a place
    usual = float(np.median(beyond)) if beyond.size else 0.0
    return gaps >= max(1e-3, 0.01 * usual)


def differing(groups: Iterable[Sequence[Slice]]) -> dict[str, list[str]]:
    """Return the elements in which images at one place differ, with the values as shown.

    Parameters
    ----------
    groups : iterable of sequences of Slice
        Each holds the images at one place.
    """
    found: dict[str, list[str]] = {}
    for group in groups:
        for keyword in (*ELEMENTS, *HIDDEN_ELEMENTS):
            values = dict.fromkeys(shown_value(plane, keyword) for plane in group)
            if len(values) > 1:
                found.setdefault(keyword, sorted(values, key=by_number))
    return found


def series_kind(groups: Sequence[Sequence[Slice]], differ: dict[str, list[str]]) -> str:
    """Name what a series with several images at a place is, as far as its headers tell."""
    deepest = max(len(group) for group in groups)
    if "DiffusionBValue" in differ:
        return f"diffusion, up to {deepest} images a place"
    if "ImageType" in differ:
        return "several kinds of image (magnitude, phase, map)"
    if "EchoTime" in differ:
        return "several echoes"
    if "TemporalPositionIdentifier" in differ or (deepest > 2 and "AcquisitionTime" in differ):
        return f"a time series, up to {deepest} images a place"
    return "several echoes, phases or time points"


def differences(differ: dict[str, list[str]]) -> str:
    """Return the elements in which images differ in words, with values that identify nobody."""
    if not differ:
        return "nothing in their headers tells them apart"
    return f"they differ in {' and '.join(_in_words(k, v) for k, v in differ.items())}"


def _in_words(keyword: str, values: Sequence[str]) -> str:
    if keyword not in ELEMENTS:
        return f"{keyword} (values not shown)"
    shown = ", ".join(values[:4]) + (", ..." if len(values) > 4 else "")
    return f"{keyword} ({shown}{unit_of(keyword)})"
