"""probe_models: nothing of a held-out row is in what is fitted, and a naive loop agrees."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from ricenet.evaluate import probe_models

INNER = {"inner_folds": 3, "seed": 1}


def cohort(n: int = 60, k: int = 3, *, gain: float = 1.5) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(0)
    labels = (np.arange(n) % 5 < 2).astype(int)
    features = rng.normal(size=(n, k))
    features[:, 0] += gain * labels
    features[rng.random((n, k)) < 0.1] = np.nan
    return features, labels, np.arange(n) // 5 % 3


@pytest.mark.parametrize("name", probe_models.MODELS)
def test_a_held_out_row_changes_only_its_own_prediction(name: str) -> None:
    features, labels, folds = cohort()
    before = probe_models.out_of_fold(name, features, labels, folds, **INNER)
    changed, other = features.copy(), labels.copy()
    row = int(np.flatnonzero(folds == 1)[4])
    changed[row] = 1e6
    other[row] = 1 - other[row]
    after = probe_models.out_of_fold(name, changed, other, folds, **INNER)
    rest = (folds == 1) & (np.arange(60) != row)
    assert after[rest] == pytest.approx(before[rest], abs=0)
    assert np.abs(after[folds != 1] - before[folds != 1]).max() > 0


@pytest.mark.parametrize("name", probe_models.MODELS)
def test_what_is_there_is_found_and_what_is_not_is_not(name: str) -> None:
    features, labels, folds = cohort(gain=3.0)
    rice = probe_models.out_of_fold(name, features, labels, folds, **INNER)
    assert roc_auc_score(labels, rice) > 0.85
    features, labels, folds = cohort(gain=0.0)
    rice = probe_models.out_of_fold(name, features, labels, folds, **INNER)
    assert 0.25 < roc_auc_score(labels, rice) < 0.75


def test_with_few_of_a_class_it_is_plain_ridge_regression() -> None:
    """By hand: medians, indicators, deviations, scikit-learn's default penalty."""
    features, labels, _ = cohort(20, 2)
    labels = (np.arange(20) == 3).astype(int)  # one: no inner folds
    model = probe_models.fitted("logistic", features, labels, **INNER)
    absent = np.isnan(features)
    filled = np.where(absent, np.nanmedian(features, axis=0), features)
    table = np.column_stack([filled, absent[:, absent.any(axis=0)]]).astype(float)
    table = (table - table.mean(axis=0)) / table.std(axis=0)
    peer = LogisticRegression(class_weight="balanced").fit(table, labels)
    expected = peer.predict_proba(table)[:, 1]
    assert model.predict_proba(features)[:, 1] == pytest.approx(expected, abs=1e-4)


def test_a_penalty_is_chosen_by_inner_folds() -> None:
    features, labels, _ = cohort(gain=0.0)
    weak = probe_models.fitted("logistic", features, labels, **INNER)
    features, labels, _ = cohort(gain=4.0)
    strong = probe_models.fitted("logistic", features, labels, **INNER)
    key = "logisticregression__C"
    assert weak.best_params_[key] < strong.best_params_[key]


def test_nobody_new_is_nobody_predicted() -> None:
    features, labels, _ = cohort()
    assert probe_models.of_new("logistic", features, labels, features[:0], **INNER).shape == (0,)
