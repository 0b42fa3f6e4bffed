"""Raw images and doses as the rules see them: paths outside the study, and digests of contents.

They are params of rules and not inputs: dates of raw files mean nothing, and a path that is missing
stops its own patient only. Methods that take ``wildcards`` are params functions.
"""

from __future__ import annotations

import atexit
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from ricenet.channels import KINDS, PLANNING_CT
from ricenet.cohort import tables
from ricenet.config import config
from ricenet.config.section import Channel
from ricenet.provenance import atomic, raw_files
from ricenet.study import notices

NO_DIGEST = ("missing", "unreadable")
Identity = tuple[int, int]  # of a file or folder: device, number on it


class RawInputs:
    """The raw columns of a subjects table.

    Parameters
    ----------
    subjects : DataFrame
        From :func:`ricenet.cohort.tables.read_subjects`.
    folder : path
        Folder of the table, which its paths are relative to.
    mri, dose : sequence of str
        Channels of the study.
    masks : sequence of Channel
        Outlines, which a subject may lack.
    memory : path
        File that remembers the digests of raw files between runs; it may be deleted at any time.
    """

    def __init__(
        self,
        subjects: pd.DataFrame,
        folder: Path,
        *,
        mri: Sequence[str],
        dose: Sequence[str],
        masks: Sequence[Channel],
        memory: Path,
    ) -> None:
        # each cell is read often, and a data frame is slow to index
        self.rows = {str(s): row for s, row in subjects.to_dict("index").items()}
        self.folder = folder
        self.mri, self.doses = list(mri), list(dose)
        self.masks = {mask.name: mask for mask in masks}
        self._memory = _read_memory(memory)
        self._found: dict[Path, str] = {}  # digests of this run: two rules need each
        self._owners: dict[tuple[str, str], tuple[str, str]] = {}
        self._places: dict[tuple[str, str], Identity | None] = {}
        atexit.register(_write_memory, memory, self._memory)

    def _absolute(self, subject: str, column: str) -> Path:
        return self.folder / str(self.rows[subject][column])

    def _shown(self, subject: str, column: str) -> str:
        return os.path.relpath(self._absolute(subject, column))

    def missing(self) -> list[tuple[str, str]]:
        """Return the subjects and columns whose raw path does not exist."""
        return [
            (subject, column)
            for subject in self.rows
            for column in (*self.images(subject), *self.doses, *self.masks_of(subject))
            if self._identity(subject, column) is None
        ]

    def _identity(self, subject: str, column: str) -> Identity | None:
        """Return device and number of a raw file or folder, however it is named; None if none."""
        if (subject, column) not in self._places:
            try:
                found = self._absolute(subject, column).stat()
                self._places[subject, column] = (found.st_dev, found.st_ino)
            except (OSError, ValueError):  # ValueError: a NUL in the path
                self._places[subject, column] = None
        return self._places[subject, column]

    def _chosen(self, subject: str, column: str) -> str:
        """Return what the row says of which part of a raw folder counts."""
        name = "dose_plan" if column in self.doses else f"{column}_series"
        return str(self.rows[subject].get(name, ""))

    def require_apart(self, table: str) -> None:
        """Raise ``ValueError`` where two ids name the same raw data: one patient is one id.

        Parameters
        ----------
        table : str
            The subjects table, for the message.
        """
        first: dict[tuple[Identity, str], tuple[str, str]] = {}
        for subject in self.rows:
            for column in (*self.images(subject), *self.doses):
                place = self._identity(subject, column)
                if place is None:
                    continue
                key = (place, self._chosen(subject, column))
                other, name = first.setdefault(key, (subject, column))
                if other == subject and name != column and {name, column} <= set(self.mri):
                    raise ValueError(
                        f"{table}: {name} and {column} of {subject} are the same raw data: correct "
                        f"a path, or name in {name}_series and {column}_series which one is which"
                    )
                if other != subject:
                    raise ValueError(
                        f"remove one of {other} and {subject} from {table}, or correct its path: "
                        f"{name} of {other} and {column} of {subject} are the same raw data under "
                        f"two ids (where the folder holds several series or plans, name in each "
                        f"row which one counts)"
                    )

    def has_ct(self, subject: str) -> bool:
        """Return whether the study has a dose and the subject's row names a planning CT."""
        return bool(self.doses and self.rows[subject][PLANNING_CT])

    def images(self, subject: str) -> list[str]:
        """Return the columns of the subject's images.

        MRI channels, and the planning CT if there is one.
        """
        return [*self.mri, *([PLANNING_CT] if self.has_ct(subject) else [])]

    def masks_of(self, subject: str) -> list[str]:
        """Return the masks that the subject's row names."""
        return [mask for mask in self.masks if self.rows[subject][mask]]

    def drawn_on(self, subject: str, mask: str) -> str:
        """Return the image that a subject's mask was drawn on.

        Raises
        ------
        ValueError
            The subject has no such image.
        """
        _, column, _ = tables.mask_columns(mask)
        image = self.rows[subject][column] or str(self.masks[mask].of)
        if image not in self.images(subject):
            raise ValueError(
                f"subject {subject}: {mask} was drawn on {image!r}, but the subject's images are "
                f"{self.images(subject)}; correct the column {column!r}, or empty {mask!r}"
            )
        return image

    # --- one image, dose or mask ----------------------------------------------------------------

    def path(self, w: Any) -> str:
        """Return the raw path of an image, a dose or a mask (params function)."""
        return self._shown(w.subject, _column(w))

    def digest(self, w: Any) -> str:
        """Return the digest of the raw content, the reason to ingest again (params function)."""
        return self._digest(w.subject, _column(w))

    def image_path(self, w: Any) -> str:
        """Return the raw path of the image that a mask was drawn on (params function)."""
        return self._shown(w.subject, self.drawn_on(w.subject, w.mask))

    def mask_row(self, w: Any) -> str:
        """Return what settings and the subject's row state of a mask, as JSON (params function)."""
        channel = self.masks[w.mask]
        name = self.rows[w.subject][tables.mask_columns(w.mask)[2]]
        stated = {"name": name, "values": channel.values, "volume_ml": channel.volume_ml}
        return config.json_text({"channel": w.mask, **{k: v for k, v in stated.items() if v}})

    def _digest(self, subject: str, column: str) -> str:
        path = self._absolute(subject, column)
        if path not in self._found:
            there = raw_files.exists(path)
            self._found[path] = raw_files.digest(path, memory=self._memory) if there else "missing"
            self._say_of_copies(subject, column, self._found[path])
        return self._found[path]

    def _say_of_copies(self, subject: str, column: str, digest: str) -> None:
        if digest in NO_DIGEST:
            return
        key = (digest, self._chosen(subject, column))
        other, name = self._owners.setdefault(key, (subject, column))
        if other != subject:
            notices.say(
                [
                    f"{name} of {other} and {column} of {subject} hold the same files in two "
                    f"places: if they are one patient, remove one of the two rows"
                ]
            )

    def series(self, w: Any) -> str:
        """Return which series of the raw folder counts, or empty for one (params function)."""
        return str(self.rows[w.subject][f"{w.mri}_series"])

    def dose_row(self, w: Any) -> str:
        """Return what the subject's row states about the dose, as JSON text (params function)."""
        row = self.rows[w.subject]
        return config.json_text({c: row[c] for c in tables.DOSE_COLUMNS if row[c]})

    # --- all of a subject -----------------------------------------------------------------------

    def image_paths(self, w: Any) -> list[str]:
        """Return raw paths of the subject's images (params function)."""
        return [self._shown(w.subject, name) for name in self.images(w.subject)]

    def dose_paths(self, w: Any) -> list[str]:
        """Return raw paths of the subject's doses (params function)."""
        return [self._shown(w.subject, name) for name in self.doses]

    def image_names(self, w: Any) -> str:
        """Return names of the images, as JSON text (params function)."""
        return json.dumps(self.images(w.subject))

    def all_series(self, w: Any) -> str:
        """Return the series that counts in each image's folder, as JSON text (params function)."""
        row = self.rows[w.subject]
        return json.dumps([str(row[f"{name}_series"]) for name in self.images(w.subject)])

    def all_digests(self, w: Any) -> list[str]:
        """Return digests of all raw contents of the subject (params function)."""
        return [self._digest(w.subject, name) for name in (*self.images(w.subject), *self.doses)]


def _column(w: Any) -> str:
    """Return the column of the subjects table that the wildcards of an ingest rule name."""
    return next(w.get(kind) for kind in KINDS if w.get(kind))


def _read_memory(path: Path) -> dict[str, list]:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def _write_memory(path: Path, memory: dict[str, list]) -> None:
    if memory != _read_memory(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic.write_json(path, memory)
