"""Which subjects are phantoms, and the words that say so on every page.

No record of a step tells a phantom from a patient; the headers of the raw images do. A setting says
it of simulated patients whose headers do not.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ricenet.study.study import Study

# Manufacturer's Model Name (0008,1090) of ricenet.phantom, which no scanner writes; a header is in
# the order of its tags, so that it stands near the beginning
MODEL = b"RICE-NET phantom"
HEAD = 8192  # bytes that are looked at
NO_PERSON = "No figure and no picture here is about a person."


def is_phantom(path: Path) -> bool:
    """Return whether a raw image is one of ``ricenet phantom``: its file, or the first of a folder.

    What cannot be read is none; the steps say what is wrong with it.
    """
    try:
        if path.is_dir():
            found = (Path(f) / n for f, _, names in os.walk(path) for n in sorted(names))
            path = next(found, path)
        with path.open("rb") as file:
            return MODEL in file.read(HEAD)
    except (OSError, ValueError):  # ValueError: a NUL in the path
        return False


def phantoms(study: Study) -> list[str]:
    """Return the subjects of whom an image is a phantom's."""
    raw = study.raw
    return [
        subject
        for subject, row in raw.rows.items()
        if any(row[c] and is_phantom(raw.folder / str(row[c])) for c in raw.images(subject))
    ]


def warning(found: Collection[str], everyone: Collection[str], *, stated: bool) -> str:
    """Return the banner of a study's pages; empty where its patients are persons.

    Parameters
    ----------
    found, everyone : collection of str
        Phantoms, and all subjects.
    stated : bool
        The settings say that all are simulated.
    """
    known = [subject for subject in everyone if subject in set(found)]
    if stated or (known and len(known) == len(everyone)):
        return f"Synthetic patients, made by a program. {NO_PERSON}"
    if known:
        return (
            f"{len(known)} of {len(everyone)} subjects are synthetic, made by a program: figures "
            "here mix them with patients and are about neither."
        )
    return ""
