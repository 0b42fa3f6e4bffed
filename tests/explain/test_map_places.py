import numpy as np
import pytest

from ricenet.explain import map_places
from ricenet.explain.map_statistics import shifted_shares

SHAPE = (11, 12, 9)


def ball(radius):
    axes = np.meshgrid(*[np.arange(n) - n // 2 for n in SHAPE], indexing="ij")
    return sum(a**2 for a in axes) <= radius**2


def naive(importance, brain, shift):
    inside = sum(
        importance[tuple(v - shift)] * brain[tuple(v)]
        for v in np.argwhere(brain)
        if all(0 <= a < n for a, n in zip(v - shift, SHAPE, strict=True))
    )
    return inside / importance.sum()


def test_what_stays_is_that_of_the_naive_loop():
    rng, brain = np.random.default_rng(0), ball(4)
    importance = np.where(brain, rng.random(SHAPE), 0)
    share, zero = map_places.kept(importance, brain)
    for shift in ([0, 0, 0], [2, -3, 1], [-1, 0, 4], [8, 8, 8]):
        expected = naive(importance, brain, np.array(shift))
        assert share[tuple(zero + shift)] == pytest.approx(expected, abs=1e-12)


def test_every_drawn_place_keeps_most_of_the_map():
    brain, importance = ball(4), np.zeros(SHAPE)
    importance[5, 6, 4] = 3.0
    shifts = map_places.draw(importance, brain, draws=3000, rng=np.random.default_rng(1))
    places = {tuple(p) for p in shifts + np.array([5, 6, 4])}
    assert places == {tuple(p) for p in np.argwhere(brain)}
    codes = brain.astype(np.intp)
    assert np.isfinite(shifted_shares(importance, codes, shifts)).all()


def test_a_map_that_fills_the_brain_has_no_other_place():
    brain, rng = ball(4), np.random.default_rng(2)
    assert map_places.draw(brain.astype(float), brain, draws=9, rng=rng) is None
    assert map_places.draw(np.zeros(SHAPE), brain, draws=9, rng=rng) is None
