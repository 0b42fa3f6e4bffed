"""What a person should know of a subject that is ready: checks not made, an unusual dose."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from ricenet.study import layout, study_folder

Row = dict[str, str]


def added(root: Path, board: Iterable[Row]) -> list[Row]:
    """Return the rows of a board, the reason of each ready subject being its remarks.

    Parameters
    ----------
    root : path
        Folder of the study's results.
    board : iterable of dict
        Rows with ``subject``, ``state`` and ``why``.
    """
    unusual = unlike_others(root)
    return [
        row | {"why": "; ".join(filter(None, (not_made(root, s), unusual.get(s, ""))))}
        if row["state"] == "ready"
        else row
        for row in board
        for s in [row["subject"]]
    ]


def not_made(root: Path, subject: str) -> str:
    """Return which checks of a subject could not be made; empty where all were."""
    try:
        path = root / layout.path("quality_record", subject=subject)
        record = json.loads(path.read_text("utf-8"))
        names = [str(name) for name in record["facts"]["not_made"]]
    except (OSError, ValueError, LookupError, TypeError):
        return ""
    return f"not made: {', '.join(names)}" if names else ""


def unlike_others(root: Path) -> dict[str, str]:
    """Return whose dose is unlike the others' of a cohort, as the manifests state."""
    remarks: dict[str, str] = {}
    for path, names in study_folder.existing(root, "manifest_record"):
        try:
            record = json.loads(path.read_text("utf-8"))
            for channel, about in record["facts"]["dose_outliers"].items():
                for subject, one in about.get("subjects", {}).items():
                    remarks[subject] = (
                        f"{channel} unlike the others of {names['cohort']}: near-maximum "
                        f"{one['near_maximum_gy']:g} Gy, median {about['median_gy']:g} Gy"
                    )
        except (OSError, ValueError, LookupError, TypeError, AttributeError):
            continue
    return remarks
