"""added_value: verdicts, and comparisons by scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from ricenet.evaluate import added_value
from ricenet.statistics import simulate
from ricenet.statistics.metrics import Estimate


@pytest.mark.parametrize(
    ("network", "probe", "difference", "p", "expected"),
    [
        ((0.8, 0.7, 0.9), (0.78, 0.65, 0.88), (0.02, -0.05, 0.09), 0.4, added_value.AS_WELL),
        # an interval that holds all there is shows no equivalence, however small the difference
        ((0.8, 0.7, 0.9), (0.78, 0.65, 0.88), (0.02, -0.1, 0.14), 0.7, added_value.NOT_WORSE),
        ((0.81, 0.7, 0.9), (0.73, 0.6, 0.84), (0.08, -0.05, 0.21), 0.2, added_value.NOT_WORSE),
        ((0.8, 0.7, 0.9), (0.95, 0.88, 0.98), (-0.15, -0.25, -0.05), 0.01, added_value.AHEAD),
        ((0.9, 0.8, 0.95), (0.6, 0.51, 0.7), (0.3, 0.15, 0.45), 0.001, added_value.BETTER),
        ((0.9, 0.8, 0.95), (0.75, 0.6, 0.87), (0.15, 0.02, 0.28), 0.03, added_value.NOT_WORSE),
        ((0.7, 0.6, 0.8), (0.6, 0.4, 0.75), (0.1, -0.05, 0.25), 0.2, added_value.NO_BAR),
        ((0.8, 0.7, 0.9), (0.43, 0.3, 0.56), (0.37, 0.2, 0.5), 0.001, added_value.NO_BAR),
        ((0.55, 0.4, 0.7), (0.7, 0.55, 0.8), (-0.15, -0.3, 0.02), 0.09, added_value.NOTHING),
        ((0.55, 0.4, 0.7), (0.8, 0.7, 0.9), (-0.25, -0.4, -0.1), 0.01, added_value.AHEAD),
        ((0.9, 0.8, 0.95), (0.9, 0.8, 0.95), (0.0, float("nan"), float("nan")), float("nan"),
         added_value.NOT_WORSE),
    ],
)  # fmt: skip
def test_verdicts(network: tuple, probe: tuple, difference: tuple, p: float, expected: str) -> None:
    given = (Estimate(*values) for values in (network, probe, difference))
    found = added_value.outcome("scanner", *given, p=p, p_probe=0.5)
    told = added_value.verdict(found, "scanner and sequence")
    assert told == expected.format(words="scanner and sequence")
    # a table of an earlier version has the words alone
    assert added_value.outcome_of({"group": "scanner", "verdict": told}) == found


def test_a_control_must_find_nothing() -> None:
    for area, p, word in ((0.6, 0.05, "compatible"), (0.7, 0.004, "SOMETHING")):
        probe = Estimate(area, area - 0.1, area + 0.1)
        given = (Estimate(0.8, 0.7, 0.9), probe, Estimate(0.8 - area, 0.0, 0.4))
        found = added_value.outcome("id", *given, p=0.001, p_probe=p)
        assert word in added_value.verdict(found, "")


def cohort(gain: float, seed: int = 0) -> tuple[np.ndarray, ...]:
    """A probe that knows something, and a network that knows the same and ``gain`` more."""
    rng = np.random.default_rng(seed)
    labels = (np.arange(80) % 5 < 2).astype(int)
    probe = rng.normal(size=80) + 1.0 * labels
    network = probe + 0.2 * rng.normal(size=80) + gain * (labels + 0.5 * rng.normal(size=80))
    folds = np.arange(80) // 5 % 4
    return labels, 1 / (1 + np.exp(-network)), 1 / (1 + np.exp(-probe)), folds


def test_equals_are_seldom_called_different() -> None:
    """Two learners of the same skill, out of fold: docs/statistics.md says 1 to 2 %."""
    rng = np.random.default_rng(0)
    labels, folds = simulate.balanced_cohort(80, 5)
    verdicts = []
    for _ in range(100):
        scores = [
            simulate.cross_validated(labels, folds, distance=1.6, rng=rng).scores for _ in range(2)
        ]
        network, probe = (1 / (1 + np.exp(-s)) for s in scores)
        found = added_value.row("scanner", labels, network, probe, folds, confidence=0.95)
        verdicts.append(found["verdict"])
    assert verdicts.count(added_value.BETTER) <= 6
    assert sum("alone is not shown to be worse" in v or "does as well" in v for v in verdicts) >= 70
    assert sum("is ahead" in v for v in verdicts) <= 12


def test_a_network_that_knows_more_adds_to_the_probe() -> None:
    labels, network, probe, folds = cohort(4.0)
    found = added_value.row("dose_max", labels, network, probe, folds, confidence=0.95)
    areas = [
        np.mean([roc_auc_score(labels[folds == k], p[folds == k]) for k in range(4)])
        for p in (network, probe)
    ]
    assert [found["auc_network"], found["auc_probe"]] == pytest.approx(areas)
    assert found["difference"] == pytest.approx(areas[0] - areas[1])
    assert found["likelihood_p"] < 0.01 and found["brier_both"] < found["brier_probe"]
    assert found["verdict"] == added_value.BETTER


def test_a_network_that_knows_the_same_adds_nothing() -> None:
    p = []
    for seed in range(40):
        labels, network, probe, folds = cohort(0.0, seed)
        found = added_value.row("dose_max", labels, network, probe, folds, confidence=0.95)
        p.append(found["likelihood_p"])
        assert found["verdict"] != added_value.BETTER
    assert np.mean(np.array(p) < 0.05) < 0.15


def test_the_joint_brier_score_is_that_of_logistic_regression_without_a_penalty() -> None:
    labels, network, probe, folds = cohort(1.0)
    z = [np.log(p / (1 - p)) for p in (probe, network)]
    squares = []
    for k in range(4):
        table, own = np.column_stack(z), folds == k
        peer = LogisticRegression(C=1e9, max_iter=5000).fit(table[~own], labels[~own])
        squares += list((peer.predict_proba(table[own])[:, 1] - labels[own]) ** 2)
    assert added_value.together(labels, folds, z) == pytest.approx(np.mean(squares), abs=1e-4)
