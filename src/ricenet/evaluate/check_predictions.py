"""Checks of stored predictions: each subject once, in its fold, with the manifest's label."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from ricenet.cohort.prediction_table import TEST_COLUMNS, VALIDATION_COLUMNS, read_predictions


def read_checked(
    validation: Sequence[Path], test: Sequence[Path], manifest: pd.DataFrame
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Read the predictions for training and test subjects; refuse what contradicts the manifest.

    Parameters
    ----------
    validation, test : sequence of Path
        Tables of all ablations; there may be no test subjects.
    manifest : DataFrame
        Of the cohort.

    Raises
    ------
    ValueError
        No validation predictions, or some that do not fit the manifest.
    """
    of_folds = read_predictions(validation, VALIDATION_COLUMNS)
    of_test = read_predictions(test, TEST_COLUMNS)
    if of_folds.empty:
        raise ValueError("no validation predictions were passed")
    check_validation(of_folds, manifest)
    check_test(of_test, manifest, list(of_folds["ablation"].unique()))
    return of_folds, of_test


def check_subjects(table: pd.DataFrame, expected: pd.DataFrame, what: str) -> None:
    """Raise ``ValueError`` unless a table has exactly the expected subjects, once, and labels.

    Parameters
    ----------
    table : DataFrame
        Predictions; each subject should appear once.
    expected : DataFrame
        Rows of the manifest.
    what : str
        Where the predictions are from, for the message.
    """
    found = table["subject"]
    problems = {
        "predicted twice": sorted(set(found[found.duplicated()])),
        "missing": sorted(set(expected["subject"]) - set(found)),
        "not of this split": sorted(set(found) - set(expected["subject"])),
    }
    for problem, subjects in problems.items():
        if subjects:
            raise ValueError(f"{what}: subjects {subjects} are {problem}; predict again")
    truth = expected.loc[found, "label"].to_numpy()
    wrong = list(found[table["label"].to_numpy() != truth])
    if wrong:
        raise ValueError(f"{what}: labels of {wrong} differ from the manifest; predict again")


def check_validation(table: pd.DataFrame, manifest: pd.DataFrame) -> None:
    """Raise ``ValueError`` unless each training subject is predicted once, by its own fold."""
    expected = manifest[manifest["split"] == "train"]
    for ablation, part in table.groupby("ablation"):
        for which in ("last", "best"):
            rows = part[part["which"] == which]
            what = f"validation predictions of {ablation}, {which} epoch"
            check_subjects(rows, expected, what)
            own = expected.loc[rows["subject"], "fold"].to_numpy()
            wrong = list(rows["subject"][rows["fold"].to_numpy() != own])
            if wrong:
                raise ValueError(f"{what}: {wrong} were predicted by a model that trained on them")


def check_test(table: pd.DataFrame, manifest: pd.DataFrame, ablations: Sequence[str]) -> None:
    """Raise ``ValueError`` unless each test subject is predicted once by each fold's model."""
    expected = manifest[manifest["split"] == "test"]
    folds = set(manifest.loc[manifest["split"] == "train", "fold"])
    unknown = sorted(set(table["ablation"]) - set(ablations))
    if unknown:
        raise ValueError(f"test predictions of {unknown}, which have no validation predictions")
    for ablation in ablations if len(expected) else []:
        part = table[table["ablation"] == ablation]
        if set(part["fold"]) != folds:
            raise ValueError(
                f"test predictions of {ablation}: folds {sorted(set(part['fold']))}, the cohort "
                f"has {sorted(folds)}; predict with the models of all folds"
            )
        for fold, rows in part.groupby("fold"):
            check_subjects(rows, expected, f"test predictions of {ablation}, fold {fold}")
