"""Shares, null, correlation and intervals against naive loops and planted truth."""

import numpy as np
import pytest
from scipy import ndimage

from ricenet.explain import map_statistics

SHAPE = (13, 15, 11)


@pytest.fixture
def case():
    rng = np.random.default_rng(5)
    axes = np.meshgrid(*[np.linspace(-1, 1, n) for n in SHAPE], indexing="ij")
    brain = sum(a**2 for a in axes) < 0.9
    isodose, enhancing = np.zeros(SHAPE, bool), np.zeros(SHAPE, bool)
    isodose[3:8, 4:9, 3:8] = enhancing[6:10, 7:11, 5:9] = True
    importance = np.where(brain, np.abs(rng.standard_normal(SHAPE)), 0)
    return importance, brain, brain & isodose, brain & enhancing


def naive(importance, brain, isodose, enhancing, shift=(0, 0, 0)):
    """One voxel after the other."""
    inside = {"all": 0.0, "isodose": 0.0, "enhancing": 0.0, "elsewhere": 0.0}
    for voxel in np.ndindex(*SHAPE):
        source = tuple(v - s for v, s in zip(voxel, shift, strict=True))
        if not brain[voxel] or not all(0 <= a < n for a, n in zip(source, SHAPE, strict=True)):
            continue
        value = importance[source]
        inside["all"] += value
        inside["isodose"] += value * isodose[voxel]
        inside["enhancing"] += value * enhancing[voxel]
        inside["elsewhere"] += value * (not isodose[voxel] and not enhancing[voxel])
    return [inside[k] / inside["all"] for k in ("isodose", "enhancing", "elsewhere")]


def test_shares_are_those_of_the_naive_loop(case):
    importance, *masks = case
    codes = map_statistics.region_codes(*masks)
    found = map_statistics.shares(importance, codes)
    np.testing.assert_allclose(found, naive(importance, *masks))
    assert (masks[1] & masks[2]).any() and found.sum() > 1  # the regions overlap
    assert set(np.unique(codes)) == set(range(map_statistics.CODES))


def test_shifted_shares_are_those_of_the_naive_loop(case):
    importance, *masks = case
    shifts = np.array([[0, 0, 0], [2, -3, 1], [-4, 5, 0], [1, 1, -6]])
    found = map_statistics.shifted_shares(importance, map_statistics.region_codes(*masks), shifts)
    for row, shift in zip(found, shifts, strict=True):
        np.testing.assert_allclose(row, naive(importance, *masks, shift=shift))


def test_a_shift_out_of_the_volume_leaves_nothing(case):
    codes = map_statistics.region_codes(*case[1:])
    assert np.isnan(map_statistics.shifted_shares(case[0], codes, np.array([[99, 0, 0]]))).all()


def test_no_importance_has_no_shares(case):
    assert np.isnan(
        map_statistics.shares(np.zeros(SHAPE), map_statistics.region_codes(*case[1:]))
    ).all()


def test_shifts_bring_the_centre_to_every_part_of_the_brain(case):
    brain, importance = case[1], np.zeros(SHAPE)
    importance[4, 5, 6] = 2.0
    rng = np.random.default_rng(0)
    shifts = map_statistics.draw_shifts(importance, brain, draws=4000, rng=rng)
    places = shifts + np.array([4, 5, 6])
    assert brain[tuple(places.T)].all()
    assert len(np.unique(places, axis=0)) > 0.9 * brain.sum()
    np.testing.assert_allclose(places.mean(axis=0), np.argwhere(brain).mean(axis=0), atol=0.2)


def peak_at(place, brain):
    spot = np.zeros(SHAPE)
    spot[place] = 1
    return np.where(brain, ndimage.gaussian_filter(spot, 1.0), 0)


def p_of(importance, brain, isodose, enhancing, region):
    codes = map_statistics.region_codes(brain, isodose, enhancing)
    shifts = map_statistics.draw_shifts(importance, brain, draws=500, rng=np.random.default_rng(1))
    null = map_statistics.shifted_shares(importance, codes, shifts)[:, region]
    return map_statistics.chance(map_statistics.shares(importance, codes)[region], null)


def test_planted_importance_is_found_and_is_no_chance(case):
    _, brain, isodose, enhancing = case
    on = p_of(peak_at((8, 9, 6), brain), brain, isodose, enhancing, 1)
    off = p_of(peak_at((4, 10, 7), brain), brain, isodose, enhancing, 1)
    assert on.p < 0.05 and on.z > 2
    assert off.p > 0.2 and off.z < 0


def test_p_is_uniform_where_the_map_lies_anywhere(case):
    _, brain, isodose, enhancing = case
    rng = np.random.default_rng(3)
    places = np.argwhere(brain)[rng.integers(brain.sum(), size=120)]
    found = [p_of(peak_at(tuple(q), brain), brain, isodose, enhancing, 0).p for q in places]
    assert 0.4 < np.mean(found) < 0.6
    assert np.mean(np.array(found) <= 0.1) < 0.2


def test_chance_counts_the_value_itself():
    null = np.array([1.0, 2.0, 3.0, np.nan])
    found = map_statistics.chance(2.0, null)
    assert found.p == pytest.approx((1 + 2) / (1 + 3))
    assert (found.mean, found.z) == (2.0, 0.0)
    assert map_statistics.chance(9.0, null).p == pytest.approx(1 / 4)
    assert np.isnan(map_statistics.chance(float("nan"), null)).all()


def test_isodose_is_of_the_prescription_where_it_fits():
    dose = np.linspace(0, 62, 1000).reshape(10, 10, 10)
    level, source = map_statistics.isodose_level(dose, prescription_gy=60.0, physical=True)
    assert (level, source) == (57.0, "prescription")
    for prescription, physical in ((None, True), (60.0, False), (30.0, True), (90.0, True)):
        level, source = map_statistics.isodose_level(
            dose, prescription_gy=prescription, physical=physical
        )
        assert source == "near-maximum" and level == pytest.approx(0.95 * 62, rel=2e-3)
    nothing = map_statistics.isodose_level(0 * dose, prescription_gy=60.0, physical=True)
    assert nothing == (float("inf"), "no dose")


def test_channel_shares(case):
    brain = case[1]
    alone = np.stack([np.full(SHAPE, v) for v in (0.1, -0.3, 0.0)], axis=-1)
    alone[~brain] = 100
    np.testing.assert_allclose(map_statistics.channel_shares(alone, brain), [0.25, 0.75, 0])
    assert np.isnan(map_statistics.channel_shares(0 * alone, brain)).all()


def test_rank_correlation_is_that_of_the_ranks():
    rng = np.random.default_rng(2)
    a = rng.integers(0, 6, 200).astype(float)  # ties
    b = a**3 + rng.standard_normal(200) * 20
    ranks = [[(x < y).sum() + ((x == y).sum() + 1) / 2 for y in x] for x in (a, b)]
    expected = np.corrcoef(ranks)[0, 1]
    assert map_statistics.rank_correlation(a, b) == pytest.approx(expected)
    assert map_statistics.rank_correlation(a, np.exp(a)) == pytest.approx(1)
    assert np.isnan(map_statistics.rank_correlation(a, np.ones(200)))


def test_interval_covers_the_mean_as_often_as_it_says():
    rng = np.random.default_rng(4)
    hits = 0
    for _ in range(300):
        values = rng.normal(0.3, 1.0, 30)
        found = map_statistics.mean_interval(values, samples=400, confidence=0.9, rng=rng)
        hits += found.low <= 0.3 <= found.high
    assert 0.84 < hits / 300 < 0.95


def test_interval_needs_six_subjects():
    settings = {"samples": 50, "confidence": 0.95, "rng": np.random.default_rng(0)}
    few = map_statistics.mean_interval(np.array([0.4, np.nan, 0.2, 0.1, 0.1, 0.2]), **settings)
    assert few.value == pytest.approx(0.2) and np.isnan(few.low)
    assert np.isnan(map_statistics.mean_interval(np.array([np.nan]), **settings).value)
    same = map_statistics.mean_interval(np.full(6, 0.2), **settings)
    assert same == pytest.approx((0.2, 0.2, 0.2))
