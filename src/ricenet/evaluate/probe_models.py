"""Models with few features, nested in the folds of the networks: held-out data are never used.

Each transform is fitted on the training subjects of a fold alone: medians for what is missing, with
an indicator, means and deviations, the penalty by an inner cross-validation.
"""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

LOGISTIC, BOOSTING = "logistic", "boosting"
MODELS = (LOGISTIC, BOOSTING)
PENALTIES = (0.001, 0.01, 0.1, 1.0, 10.0)  # C of scikit-learn; the smaller, the stronger
LEAVES, TREES, LEAST_IN_LEAF = 4, 100, 5


def model_of(name: str, labels: NDArray, *, inner_folds: int, seed: int) -> BaseEstimator:
    """Return an unfitted model, with as many inner folds as the smaller class allows.

    Parameters
    ----------
    labels : (N,) int array
        Of the subjects that it will be fitted on.
    """
    ready = [SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True)]
    if name == BOOSTING:
        trees = HistGradientBoostingClassifier(
            max_leaf_nodes=LEAVES, max_iter=TREES, min_samples_leaf=LEAST_IN_LEAF,
            early_stopping=False, class_weight="balanced", random_state=seed,
        )  # fmt: skip
        return make_pipeline(*ready, trees)
    regression = LogisticRegression(class_weight="balanced", max_iter=2000)
    model = make_pipeline(*ready, StandardScaler(), regression)
    inner = min(inner_folds, int(np.bincount(labels, minlength=2).min()))
    if inner < 2:
        return model
    folds = StratifiedKFold(inner, shuffle=True, random_state=seed)
    choices = {"logisticregression__C": list(PENALTIES)}
    return GridSearchCV(model, choices, scoring="neg_log_loss", cv=folds)


def fitted(
    name: str, features: NDArray, labels: NDArray, *, inner_folds: int, seed: int
) -> BaseEstimator:
    """Return a model fitted on these subjects."""
    model = model_of(name, labels, inner_folds=inner_folds, seed=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(features, labels)


def out_of_fold(
    name: str, features: NDArray, labels: NDArray, folds: NDArray, *, inner_folds: int, seed: int
) -> NDArray:
    """Predict each fold with a model fitted on the other folds.

    Parameters
    ----------
    features : (N, K) float array
        NaN where a feature is missing.
    labels, folds : (N,) int array

    Returns
    -------
    (N,) float array
        Probabilities of RICE, if both classes were as frequent.
    """
    found = np.empty(len(labels))
    for fold in np.unique(folds):
        others, own = folds != fold, folds == fold
        model = fitted(name, features[others], labels[others], inner_folds=inner_folds, seed=seed)
        found[own] = model.predict_proba(features[own])[:, 1]
    return found


def of_new(
    name: str, features: NDArray, labels: NDArray, new: NDArray, *, inner_folds: int, seed: int
) -> NDArray:
    """Predict new subjects with one model fitted on all training subjects; (M,) float array."""
    if not len(new):
        return np.empty(0)
    model = fitted(name, features, labels, inner_folds=inner_folds, seed=seed)
    return np.asarray(model.predict_proba(new)[:, 1])
