"""Predictions of a cohort of the paper's size, drawn: 80 training and 12 test patients."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ricenet.cohort.prediction_table import TEST_COLUMNS, VALIDATION_COLUMNS


def manifest(train: int = 80, test: int = 12, folds: int = 5) -> pd.DataFrame:
    """Rows of a manifest: 40 % RICE among training, 5 of 12 among test patients."""
    rows = [(f"S{i:03d}", "train", i // 5 % folds, int(i % 5 < 2)) for i in range(train)]
    rows += [(f"T{i:03d}", "test", -1, int(i % 12 < 5)) for i in range(test)]
    return pd.DataFrame(rows, columns=["subject", "split", "fold", "label"]).set_index(
        "subject", drop=False
    )


def probabilities(
    labels: np.ndarray, *, skill: float, stretch: float, rng: np.random.Generator
) -> np.ndarray:
    """Probabilities of RICE as of a network that saw both classes equally often.

    Evidence is normal and ``skill`` deviations apart; ``stretch`` times it is predicted, where 1
    is right.
    """
    evidence = rng.normal(size=len(labels)) + skill * (labels - 0.5)
    return 1 / (1 + np.exp(-stretch * skill * evidence))


def predictions(
    cohort: pd.DataFrame, skills: dict[str, float], *, stretch: float = 1.0, seed: int = 0
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return validation and test predictions of each input combination."""
    rng = np.random.default_rng(seed)
    train, test = (cohort[cohort["split"] == split] for split in ("train", "test"))
    validation, tested = [], []
    for ablation, skill in skills.items():
        for which in ("last", "best"):
            p = probabilities(train["label"].to_numpy(), skill=skill, stretch=stretch, rng=rng)
            made = train[["subject", "label", "fold"]].assign(
                ablation=ablation, epoch=8, which=which, probability_rice=p
            )
            validation.append(made[VALIDATION_COLUMNS])
        for fold in sorted(set(train["fold"])):
            p = probabilities(test["label"].to_numpy(), skill=skill, stretch=stretch, rng=rng)
            made = test[["subject", "label"]].assign(
                ablation=ablation, fold=fold, probability_rice=p
            )
            tested.append(made[TEST_COLUMNS])
    return pd.concat(validation, ignore_index=True), pd.concat(tested, ignore_index=True)
