"""The two tables that people write: subjects, and the frozen cohort.

Everything is read as text and checked before any job starts; a problem names the table, the row
and the remedy. Nothing heavy is imported except pandas.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from pathlib import Path

import pandas as pd

from ricenet.cohort import cells, label_sources
from ricenet.cohort.labels import LABELS
from ricenet.config.messages import nearest

ID_PATTERN = r"[A-Za-z0-9][A-Za-z0-9-]{0,62}"
COHORT_COLUMNS = ("subject", "split", "fold")
DOSE_COLUMNS = (
    "fractions", "dose_kind", "dose_units", "dose_frame", "dose_plan", "prescription_gy",
    "relative_one_gy",
)  # fmt: skip
OPTIONAL_COLUMNS = ("ct", *DOSE_COLUMNS, *label_sources.CHOICES)
DOSE_CHOICES = {"dose_kind": ("total", "per_fraction"), "dose_units": ("Gy", "cGy", "relative")}
SERIES_PATTERN = r"[0-9a-f]{8}"
FRACTIONS_PATTERN = r"[1-9]\d{0,2}(\+[1-9]\d{0,2})*"
PLAN_PATTERN = r"[0-9a-f]{8}(\+[0-9a-f]{8})*"


def read_table(path: Path, required: Sequence[str], allowed: Sequence[str]) -> pd.DataFrame:
    """Read a table that people write, its columns and subject ids checked.

    Returns
    -------
    DataFrame
        All cells as text.

    Raises
    ------
    ValueError
        No such file, not a table, columns missing or unknown, or an id that is not allowed.
    """
    if not path.is_file():
        raise ValueError(f"{path}: no such table; see config/README.md for its columns")
    table = cells.read(path)
    missing = [c for c in required if c not in table.columns]
    unknown = [c for c in table.columns if c not in allowed]
    if missing or unknown:
        near = {c: found for c in unknown if (found := nearest(c, allowed))}
        meant = "".join(f"; for {c!r}, did you mean {found!r}?" for c, found in near.items())
        raise ValueError(
            f"{path}: columns missing: {missing or 'none'}; columns unknown: {unknown or 'none'}"
            f"{meant}; possible are {list(allowed)}"
        )
    if "subject" in required:
        _check_ids(path, table["subject"])
    return table


def _by_subject(path: Path, table: pd.DataFrame) -> pd.DataFrame:
    """Return the table with one row a subject, indexed by it."""
    ids = table["subject"]
    twice = sorted(set(ids[ids.duplicated()]))
    if twice:
        raise ValueError(f"{path}: subjects {twice} have more than one row; keep one")
    alike = sorted(ids[ids.str.casefold().duplicated(keep=False)])
    if alike:
        raise ValueError(f"{path}: {alike[:9]} differ only in upper and lower case; rename them")
    return table.set_index("subject", drop=False)


def _check_ids(path: Path, ids: pd.Series) -> None:
    bad = [i for i in ids if not re.fullmatch(ID_PATTERN, i)]
    if bad:
        raise ValueError(
            f"{path}: subject ids {[repr(b)[:40] for b in bad]} are not allowed; an id is a "
            f"pseudonym of letters, digits and '-', at most 63, beginning with a letter or digit"
        )


def mask_columns(mask: str) -> tuple[str, str, str]:
    """Return the columns of a mask: its path, the image it was drawn on, names that count."""
    return mask, f"{mask}_on", f"{mask}_name"


def read_subjects(
    path: str | Path, channels: Sequence[str], masks: Sequence[str] = ()
) -> pd.DataFrame:
    """Read and check the subjects table.

    Parameters
    ----------
    path : path
        One row a subject: ``subject``, ``label`` (may be empty), one column a
        channel with the path of its raw data, and the optional columns.
    channels, masks : sequence of str
        Names of the channels that every subject has, and of the masks, which one may lack.

    Returns
    -------
    DataFrame
        Text columns, indexed by subject; raw paths are relative to the table's folder.

    Raises
    ------
    ValueError
        Columns, ids, labels or choices that are not allowed, an empty path.
    """
    path = Path(path)
    required = ("subject", "label", *channels)
    # columns of channels that this study does not use are let through and ignored
    other = ("postop", "event", "dose")
    series = tuple(f"{image}_series" for image in dict.fromkeys((*channels, *other, "ct")))
    optional = (*OPTIONAL_COLUMNS, *series, *(c for mask in masks for c in mask_columns(mask)))
    allowed = tuple(dict.fromkeys((*required, *other, *optional)))
    table = _by_subject(path, read_table(path, required, allowed))
    for column in optional:
        if column not in table:
            table[column] = ""
    _check_choice(path, table, "label", tuple(LABELS))
    for column, choices in {**DOSE_CHOICES, **label_sources.CHOICES}.items():
        _check_choice(path, table, column, choices)
    label_sources.require_possible(path, table)
    for channel in channels:
        empty = list(table.index[table[channel] == ""])
        if empty:
            raise ValueError(f"{path}: column {channel!r} is empty for {empty}; give the path")
    table["fractions"] = table["fractions"].map(cells.whole_number)
    _check_form(path, table, "fractions", FRACTIONS_PATTERN, "a whole number, of several plans '+'")
    _check_form(path, table, "dose_plan", PLAN_PATTERN, "8 hexadecimal digits, several with '+'")
    for column in ("prescription_gy", "relative_one_gy"):
        _check_form(path, table, column, r"\d{1,4}(\.\d{1,4})?", "a number of Gy")
    for column in series:
        _check_form(path, table, column, SERIES_PATTERN, "8 hexadecimal digits")
    return table


def _check_form(path: Path, table: pd.DataFrame, column: str, pattern: str, what: str) -> None:
    wrong = [s for s, v in table[column].items() if v and not re.fullmatch(pattern, v)]
    if wrong:
        raise ValueError(f"{path}: {column} of {wrong} is not {what}")


def _check_choice(path: Path, table: pd.DataFrame, column: str, choices: tuple[str, ...]) -> None:
    wrong = {s: v for s, v in table[column].items() if v and v not in choices}
    if wrong:
        raise ValueError(f"{path}: {column} {wrong} not among {list(choices)} or empty")


def read_cohort(
    path: str | Path, subjects: pd.DataFrame, excluded: Collection[str] = ()
) -> pd.DataFrame:
    """Read and check a frozen cohort.

    Parameters
    ----------
    path : path
        Tab-separated: ``subject``, ``split`` (train or test), ``fold`` (0, 1, ... for training
        subjects, empty for test subjects).
    subjects : DataFrame
        From :func:`read_subjects`.
    excluded : collection of str
        Subjects that a person has left out or withdrawn; their rows stay in the file.

    Returns
    -------
    DataFrame
        Columns subject, split, fold (int, -1 for test), label (0 recurrence, 1 RICE). Without
        rows where the file has none: images can be prepared before folds are decided.

    Raises
    ------
    ValueError
        A subject unknown or unlabelled, a fold missing, or too few cases of a class: a fold is
        never filled at random.
    """
    path = Path(path)
    cohort = _by_subject(path, read_table(path, COHORT_COLUMNS, COHORT_COLUMNS))
    unknown = [s for s in cohort.index if s not in subjects.index and s not in excluded]
    if unknown:
        raise ValueError(
            f"{path}: {unknown} are not in the subjects table; put their rows back, or, if they "
            f"were withdrawn, add to the overrides table: <subject>, all, withdraw, who, why"
        )
    cohort["fold"] = cohort["fold"].map(cells.whole_number)
    _check_split(path, cohort)
    cohort = cohort[~cohort["subject"].isin(excluded)].copy()
    cohort["fold"] = [int(f) if f else -1 for f in cohort["fold"]]
    labels = subjects.loc[cohort.index, "label"]
    unlabelled = list(labels.index[labels == ""])
    if unlabelled:
        raise ValueError(f"{path}: {unlabelled} have no label; a cohort needs every label")
    cohort["label"] = [LABELS[label] for label in labels]
    if len(cohort):
        check_folds(path, cohort)
    return cohort


def _check_split(path: Path, cohort: pd.DataFrame) -> None:
    wrong = [s for s, v in cohort["split"].items() if v not in ("train", "test")]
    if wrong:
        raise ValueError(f"{path}: split of {wrong} is neither 'train' nor 'test'")
    train = cohort[cohort["split"] == "train"]
    lost = [s for s, f in train["fold"].items() if not re.fullmatch(r"\d{1,2}", f)]
    if lost:
        raise ValueError(f"{path}: training subjects {lost} have no fold; write 0, 1, ...")
    both = [s for s, f in cohort.loc[cohort["split"] == "test", "fold"].items() if f]
    if both:
        raise ValueError(f"{path}: test subjects {both} have a fold; leave it empty")


def check_folds(path: Path, cohort: pd.DataFrame) -> None:
    """Raise ``ValueError`` unless folds are 0, 1, ... and each class can be in every fold.

    Parameters
    ----------
    path : path
        File that the message names.
    cohort : DataFrame
        As :func:`read_cohort` returns it.
    """
    train = cohort[cohort["split"] == "train"]
    folds = sorted(set(train["fold"]))
    if len(folds) < 2 or folds != list(range(len(folds))):
        raise ValueError(f"{path}: folds are {folds}; they must be 0, 1, ..., at least two")
    for name, label in LABELS.items():
        count = int((train["label"] == label).sum())
        if count < len(folds):
            raise ValueError(
                f"{path}: {count} training subjects with label {name} for {len(folds)} folds; "
                f"use fewer folds or more subjects"
            )
