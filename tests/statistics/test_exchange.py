"""The exchange null: by hand, against scipy, true nulls rejected at their level, planted truth."""

from itertools import permutations

import numpy as np
import pytest
from scipy import stats

from ricenet.statistics.exchange import enough_for, exchange


def naive(values, k):
    """One permutation after the other."""
    n = len(values)
    own = sum(values[i][i][k] for i in range(n)) / n
    means = [sum(values[i][o[i]][k] for i in range(n)) / n for o in permutations(range(n))]
    return own, sum(m >= own - 1e-12 for m in means) / len(means)


def test_few_patients_are_enumerated():
    values = np.random.default_rng(0).random((4, 4, 2))
    found = exchange(values, draws=1, seed=0)
    for k in range(2):
        own, p = naive(values, k)
        assert (found.own[k], found.p[k]) == (pytest.approx(own), pytest.approx(p))
    pairs = [values[i, j] for i in range(4) for j in range(4) if i != j]
    np.testing.assert_allclose(found.others, np.mean(pairs, axis=0))
    assert (found.patients, found.tried, found.smallest) == (4, 24, 1 / 24)
    assert (found.p_family >= found.p).all()


def test_it_is_scipys_test_of_pairings():
    """With values a_i * b_j the mean orders as Pearson's correlation, whose test scipy has."""
    rng = np.random.default_rng(1)
    a, b = rng.standard_normal((2, 6))
    found = exchange((a[:, None] * b)[:, :, None], draws=1, seed=0)
    method = stats.PermutationMethod(n_resamples=np.inf)
    scipys = stats.pearsonr(a, b, alternative="greater", method=method)
    assert found.p[0] == pytest.approx(scipys.pvalue)


def test_draws_come_near_the_enumeration():
    values = np.random.default_rng(2).random((9, 9, 1)) + 0.3 * np.eye(9)[:, :, None]
    p = [exchange(values, draws=5000, seed=seed).p[0] for seed in (1, 2)]
    diagonal = np.array([values[i, i, 0] for i in range(9)]).mean()
    rng = np.random.default_rng(3)
    means = [values[np.arange(9), rng.permutation(9), 0].mean() for _ in range(20000)]
    assert np.ravel(p) == pytest.approx(np.mean(np.array(means) >= diagonal), abs=0.02)
    np.testing.assert_array_equal(*(exchange(values, draws=50, seed=1).p for _ in range(2)))


def test_a_map_that_is_the_same_for_all_patients_is_no_evidence():
    regions = np.random.default_rng(4).random((7, 2))
    found = exchange(np.broadcast_to(regions, (7, 7, 2)), draws=1, seed=0)
    assert (found.p == 1).all() and (found.p_family == 1).all()


@pytest.mark.parametrize("patients", [4, 6])
def test_a_true_null_is_rejected_at_its_level_and_no_more(patients):
    """Blind maps that differ by chance; without fixed points 6 patients would be at 0.094."""
    rng = np.random.default_rng(5)
    found = [exchange(rng.random((patients, patients, 3)), draws=1, seed=0) for _ in range(600)]
    for level in (0.05, 0.1, 0.2):
        slack = 3 * np.sqrt(level * (1 - level) / 600)
        assert np.mean([f.p[0] <= level for f in found]) < level + slack
        assert np.mean([f.p_family.min() <= level for f in found]) < level + slack
    assert 0.45 < np.mean([f.p[0] for f in found]) < 0.6


def test_a_planted_effect_is_found_in_its_region():
    rng = np.random.default_rng(6)
    values = rng.random((8, 8, 3))
    values[:, :, 1] += np.eye(8)
    found = exchange(values, draws=1, seed=0)
    assert found.p_family[1] < 0.001 and found.p[0] > 0.05 and found.p[2] > 0.05


def test_patients_without_a_value_are_left_out():
    values = np.random.default_rng(7).random((5, 5, 1))
    whole = exchange(values[:4, :4], draws=1, seed=0)
    values[4] = np.nan
    assert exchange(values, draws=1, seed=0).p[0] == whole.p[0]
    values = np.full((2, 2, 1), 0.5)
    values[0, 1] = np.nan
    with pytest.raises(ValueError, match="none on another"):
        exchange(values, draws=1, seed=0)
    one = exchange(np.ones((1, 1, 1)), draws=1, seed=0)
    assert one.own == [1] and np.isnan(one.p).all() and np.isnan(one.smallest)


def test_a_wrong_shape_is_refused():
    with pytest.raises(ValueError, match="is needed"):
        exchange(np.ones((3, 2, 1)), draws=1, seed=0)


def test_patients_that_a_level_needs():
    assert (enough_for(0.05), enough_for(0.01)) == (4, 5)
