"""Frames of reference, and the rigid matrices that link them.

Two objects with the same FrameOfReferenceUID share coordinates (DICOM PS3.3 C.7.4.1); otherwise a
spatial registration object may say how one frame's points are found in another. Frames are named
by digests, matrices act on RAS mm.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Link = Mapping[str, Any]  # from, to: digests; matrix: (4, 4) from's points to to's, or refused: why


def route(start: str, goals: Sequence[str], links: Sequence[Link]) -> tuple[str, NDArray] | None:
    """Return the shortest way from one frame of reference to one of several others.

    Parameters
    ----------
    start : str
        Frame that points are given in.
    goals : sequence of str
        Frames that they are wanted in, first choice first.
    links : sequence of mapping
        ``from``, ``to`` and ``matrix``; usable in both directions.

    Returns
    -------
    (str, (4, 4) array) or None
        The goal that was reached and the matrix that maps points of ``start`` to it; None where
        nothing links them.
    """
    known, reached = {start: np.eye(4)}, [start]
    while reached:
        for goal in goals:
            if goal in reached:
                return goal, known[goal]
        found: list[str] = []
        for frame in reached:
            for other, matrix in _neighbours(frame, links):
                if other not in known:
                    known[other] = matrix @ known[frame]
                    found.append(other)
        reached = found
    return None


def _neighbours(frame: str, links: Sequence[Link]) -> list[tuple[str, NDArray]]:
    found: list[tuple[str, NDArray]] = []
    for link in links:
        if "matrix" in link:
            matrix: NDArray = np.asarray(link["matrix"], dtype=np.float64)
            if link["from"] == frame:
                found.append((link["to"], matrix))
            if link["to"] == frame:
                found.append((link["from"], np.asarray(np.linalg.inv(matrix))))
    return found


def refusals(frame: str | None, links: Sequence[Link]) -> list[str]:
    """Return why registrations that begin or end in a frame are not used."""
    touching = [x for x in links if frame is not None and frame in (x["from"], x["to"])]
    return [str(link["refused"]) for link in touching if "refused" in link]
