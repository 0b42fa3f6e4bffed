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
    ("network", "probe", "p", "expected"),
    [
        (
            (0.8, 0.7, 0.9),
            (0.75, 0.62, 0.85),
            0.4,
            "a model of scanner and sequence alone does as well",
        ),
        (
            (0.8, 0.7, 0.9),
            (0.95, 0.88, 0.98),
            0.01,
            "a model of scanner and sequence alone does as well",
        ),
        ((0.9, 0.8, 0.95), (0.6, 0.48, 0.7), 0.001, added_value.BETTER),
        ((0.9, 0.8, 0.95), (0.75, 0.6, 0.87), 0.03, added_value.UNTOLD),
        ((0.7, 0.6, 0.8), (0.6, 0.4, 0.75), 0.2, added_value.UNTOLD),
        ((0.55, 0.4, 0.7), (0.8, 0.7, 0.9), 0.02, added_value.NOTHING),
    ],
)
def test_verdicts(network: tuple, probe: tuple, p: float, expected: str) -> None:
    found = added_value.verdict("scanner", Estimate(*network), Estimate(*probe), p=p, p_probe=0.5)
    assert found == expected


def test_a_control_must_find_nothing() -> None:
    network = Estimate(0.8, 0.7, 0.9)
    assert "nothing" in added_value.verdict(
        "id", network, Estimate(0.6, 0.51, 0.7), p=0.1, p_probe=0.05
    )
    assert "SOMETHING" in added_value.verdict(
        "id", network, Estimate(0.7, 0.6, 0.8), p=0.1, p_probe=0.004
    )


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
    assert sum("does as well" in v for v in verdicts) >= 70


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
