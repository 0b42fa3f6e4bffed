"""What a network adds to a model with few features, on the same out-of-fold subjects."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ricenet.evaluate.contrasts import OUT_OF_FOLD_LEVEL
from ricenet.evaluate.probe_groups import CONTROL, GROUPS
from ricenet.statistics import calibration, logistic, paired, roc
from ricenet.statistics.metrics import Estimate, predicted_class

Row = dict[str, Any]
COLUMNS = [
    "ablation", "group", "kind", "model", "n", "auc_network", "network_low", "network_high",
    "auc_probe", "probe_low", "probe_high", "difference", "low", "high", "p",
    "accuracy_difference", "accuracy_low", "accuracy_high", "only_network_right",
    "only_probe_right", "mcnemar_p", "likelihood_ratio", "likelihood_p", "brier_probe",
    "brier_both", "verdict",
]  # fmt: skip
AS_WELL = "a model of {words} alone does as well"
BETTER = "the network is better"
UNTOLD = "cannot be told apart with this many patients"
NOTHING = "the network itself is not shown to be better than chance"


def verdict(group: str, network: Estimate, probe: Estimate, *, p: float, p_probe: float) -> str:
    """Return in words whether a model with few features does as well as the network.

    It does where its interval holds the network's area, or lies above it, and does not hold 0.5.
    The network is better where the probe's interval lies below it and the difference is shown at
    the level of out-of-fold tests. Else so many patients cannot tell.

    Parameters
    ----------
    p : float
        Of the difference of both areas.
    p_probe : float
        Of the probe's area being that of chance, which decides about a control.
    """
    words, kind = GROUPS[group]
    if kind == CONTROL:
        found = p_probe <= OUT_OF_FOLD_LEVEL
        return f"control: {'SOMETHING FOUND' if found else 'AUC compatible with 0.5'}"
    if math.isnan(network.value) or math.isnan(probe.value):
        return UNTOLD
    if network.low <= 0.5:
        return NOTHING
    if probe.high < network.value:
        return BETTER if p <= OUT_OF_FOLD_LEVEL else UNTOLD
    return AS_WELL.format(words=words) if probe.low > 0.5 else UNTOLD


def row(
    group: str, labels: NDArray, network: NDArray, probe: NDArray, folds: NDArray,
    *, confidence: float,
) -> Row:  # fmt: skip
    """Compare the probabilities of a network and of a probe for the same subjects.

    Parameters
    ----------
    labels, folds : (N,) int array
    network, probe : (N,) float array
        Out of fold.
    """
    n, sizes = len(labels), roc.class_sizes(labels, folds)
    areas = roc.delong(labels, np.stack([network, probe]), folds).values
    own, other = (roc.newcombe(float(a), sizes, confidence=confidence) for a in areas)
    difference = roc.delong_difference(labels, network, probe, folds, confidence=confidence)
    right = [predicted_class(p) == labels for p in (network, probe)]
    test = paired.mcnemar(*right)
    accuracy = paired.tango(test.only_first, test.only_second, n, confidence=confidence)
    z = [logistic.logits(p) for p in (probe, network)]
    ratio, p = logistic.gain(labels, *z)
    return {
        "group": group, "kind": GROUPS[group].kind, "n": n,
        "auc_network": own.value, "network_low": own.low, "network_high": own.high,
        "auc_probe": other.value, "probe_low": other.low, "probe_high": other.high,
        "difference": difference.value, "low": difference.low, "high": difference.high,
        "p": difference.p,
        "accuracy_difference": accuracy.value, "accuracy_low": accuracy.low,
        "accuracy_high": accuracy.high, "only_network_right": test.only_first,
        "only_probe_right": test.only_second, "mcnemar_p": test.p,
        "likelihood_ratio": ratio, "likelihood_p": p,
        "brier_probe": together(labels, folds, z[:1]),
        "brier_both": together(labels, folds, z),
        "verdict": verdict(
            group, own, other, p=difference.p, p_probe=roc.p_by_chance(other.value, sizes)
        ),
    }  # fmt: skip


def together(labels: NDArray, folds: NDArray, predictors: list[NDArray]) -> float:
    """Return the Brier score of logits combined by a logistic regression on the other folds.

    NaN where the predictors part the classes of some folds, so that it has no coefficients.
    """
    design = np.column_stack([np.ones(len(labels)), *predictors])
    found = np.empty(len(labels))
    for fold in np.unique(folds):
        others = folds != fold
        coefficients = logistic.fit(design[others], labels[others]).coefficients
        found[~others] = 1 / (1 + np.exp(-np.clip(design[~others] @ coefficients, -500, 500)))
    return calibration.brier(labels, found)
