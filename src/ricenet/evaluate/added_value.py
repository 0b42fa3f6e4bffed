"""What a network adds to a model with few features, on the same out-of-fold subjects."""

from __future__ import annotations

import math
from collections.abc import Mapping
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
    "brier_both", "verdict", "outcome",
]  # fmt: skip
AHEAD = "a model of {words} alone is ahead"
AS_WELL = "a model of {words} alone does as well"
NOT_WORSE = "a model of {words} alone is not shown to be worse"
BETTER = "the network is better"
UNTOLD = "cannot be told apart with this many patients"
NOTHING = "the network itself is not shown to be better than chance"
NO_BAR = "no contest: the probe itself is not shown to tell the classes apart"
# what a row's verdict says, by its outcome; that of a control has no words of a group
TEXTS = {
    "ahead": AHEAD, "as well": AS_WELL, "not worse": NOT_WORSE, "better": BETTER,
    "untold": UNTOLD, "nothing": NOTHING, "no bar": NO_BAR,
    "control": "control: AUC compatible with 0.5",
    "control found something": "control: SOMETHING FOUND",
}  # fmt: skip
MARGIN = 0.10  # of the area; not registered: an advantage below it is not worth a network here
# (a tenth is the step from one customary grade to the next: acceptable from 0.7, excellent from
# 0.8; Hosmer and Lemeshow, Applied logistic regression, Wiley 2000)


def verdict(outcome: str, words: str) -> str:
    """Return an outcome in words.

    Parameters
    ----------
    words : str
        What the model with few features was given.
    """
    return TEXTS[outcome].format(words=words)


def outcome_of(row: Mapping[str, Any]) -> str:
    """Return the outcome of a row of the table; one of an earlier version has its words alone.

    It may also call a network better than a probe that is no better than chance.
    """
    words = GROUPS[row["group"]].words if row["group"] in GROUPS else ""
    known = {verdict(outcome, words): outcome for outcome in TEXTS}
    found = str(row.get("outcome") or known.get(row["verdict"], ""))
    return "no bar" if found == "better" and float(row.get("probe_low") or 1) <= 0.5 else found


def outcome(
    group: str, network: Estimate, probe: Estimate, difference: Estimate, *, p: float,
    p_probe: float,
) -> str:  # fmt: skip
    """Return how a model with few features stands beside the network: a key of :data:`TEXTS`.

    Equivalence is never inferred from a difference that is not shown: the model does as well only
    where the whole interval of the difference lies below :data:`MARGIN`, and is ahead where it
    lies below 0. The network is better where the probe's interval lies below its area and the
    difference is shown at the level of out-of-fold tests. Else nothing is shown. A probe whose own
    interval holds 0.5 is no bar: to be better than it says nothing.

    Parameters
    ----------
    difference : Estimate
        Area of the network less that of the probe.
    p : float
        Of the difference of both areas.
    p_probe : float
        Of the probe's area being that of chance, which decides about a control.
    """
    if GROUPS[group].kind == CONTROL:
        return "control found something" if p_probe <= OUT_OF_FOLD_LEVEL else "control"
    if math.isnan(network.value) or math.isnan(probe.value):
        return "untold"
    if probe.low > 0.5 and difference.high < 0:
        return "ahead"
    if network.low <= 0.5:
        return "nothing"
    if probe.low <= 0.5:
        return "no bar"
    if probe.high < network.value and p <= OUT_OF_FOLD_LEVEL:
        return "better"
    return "as well" if difference.high < MARGIN else "not worse"


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
    found = outcome(
        group, own, other, Estimate(difference.value, difference.low, difference.high),
        p=difference.p, p_probe=roc.p_by_chance(other.value, sizes),
    )  # fmt: skip
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
        "verdict": verdict(found, GROUPS[group].words), "outcome": found,
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
