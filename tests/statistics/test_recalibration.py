"""recalibration: known distortions come back, and shares of RICE, by Bayes' rule."""

from __future__ import annotations

import numpy as np
import pytest

from ricenet.statistics import recalibration


def cohort(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Labels, and the logits that they were drawn by."""
    rng = np.random.default_rng(seed)
    z = rng.normal(size=n) * 1.5
    return (rng.random(n) < 1 / (1 + np.exp(-z))).astype(int), z


@pytest.mark.parametrize("factor", [0.5, 1.0, 2.0])
def test_logits_that_are_twice_too_large_have_a_temperature_of_two(factor: float) -> None:
    labels, z = cohort(20_000)
    assert recalibration.temperature(labels, factor * z) == pytest.approx(factor, rel=0.05)


def test_it_is_the_most_likely_one_on_a_grid() -> None:
    labels, z = cohort(40, seed=2)
    grid = np.exp(np.linspace(np.log(0.1), np.log(10), 4001))
    signed = np.where(labels == 1, 3 * z, -3 * z)[None, :] / grid[:, None]
    likelihood = -np.logaddexp(0, -signed).sum(axis=1)
    best = grid[np.argmax(likelihood)]
    assert recalibration.temperature(labels, 3 * z) == pytest.approx(best, rel=2e-3)


def test_perfect_and_useless_logits_end_at_the_bounds() -> None:
    labels = np.array([0, 0, 1, 1])
    z = np.array([-2.0, -1, 1, 2])
    assert recalibration.temperature(labels, z) == pytest.approx(recalibration.LEAST, rel=0.01)
    assert recalibration.temperature(1 - labels, z) == pytest.approx(recalibration.MOST, rel=0.01)


def test_the_share_of_rice_enters_by_bayes_rule() -> None:
    labels, z = cohort(80)
    new = np.array([0.01, 0.3, 0.5, 0.99])
    found = recalibration.of_new(labels, 1 / (1 + np.exp(-z)), new, shifted=True)
    assert found is not None
    # likelihoods, where both classes are as frequent, and the share among the known patients
    ratio, share = (new / (1 - new)) ** (1 / found.temperatures[0]), labels.mean()
    assert found.probability == pytest.approx(share * ratio / (share * ratio + 1 - share))


def test_a_fold_is_recalibrated_by_others_alone() -> None:
    labels, z = cohort(60)
    folds, p = np.arange(60) % 3, 1 / (1 + np.exp(-2 * z))
    for shifted in (False, True):
        found = recalibration.out_of_fold(labels, p, folds, shifted=shifted)
        turned = np.where(folds == 1, 1 - labels, labels)
        other = recalibration.out_of_fold(turned, p, folds, shifted=shifted)
        assert found is not None and other is not None
        assert other.temperatures[1] == found.temperatures[1]
        assert other.temperatures[0] != found.temperatures[0]
        assert other.probability[folds == 1] == pytest.approx(found.probability[folds == 1])


def test_new_patients_get_the_share_of_rice_that_was_seen() -> None:
    labels = np.repeat([1, 0], [20, 60])
    balanced = np.full(80, 0.5)  # says nothing
    found = recalibration.of_new(labels, balanced, np.array([0.5]), shifted=True)
    assert found is not None and found.probability == pytest.approx([0.25])


def test_without_both_classes_there_is_none() -> None:
    p = np.full(4, 0.5)
    assert recalibration.of_new(np.zeros(4, int), p, p, shifted=True) is None
    folds = np.array([0, 0, 1, 1])
    assert recalibration.out_of_fold(np.array([0, 0, 1, 1]), p, folds, shifted=True) is None
