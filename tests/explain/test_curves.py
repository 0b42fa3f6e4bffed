import numpy as np
import pytest

from ricenet.explain import curves

BRAIN = np.ones((4, 5, 6), bool)
BRAIN[0] = False


def test_the_order_of_a_linear_answer_beats_all_others():
    rng = np.random.default_rng(0)
    weight = rng.random(BRAIN.shape)
    volume, other = np.ones((1, *BRAIN.shape)), np.zeros((1, *BRAIN.shape))

    def ask(v):
        return float((v[0] * weight)[BRAIN].sum())

    areas = {}
    for name, order in {"own": weight, "random": rng.random(BRAIN.shape), "last": -weight}.items():
        place = curves.ranks(order, BRAIN, rng=rng)
        down = curves.deletion(ask, volume, other, place, steps=10)
        up = curves.deletion(ask, other, volume, place, steps=10)
        assert down[0] == ask(volume) and down[-1] == pytest.approx(0) and len(down) == 11
        np.testing.assert_allclose(down + up, ask(volume))
        areas[name] = curves.area(down)
    assert areas["own"] < areas["random"] < areas["last"]


def test_ranks():
    rng = np.random.default_rng(1)
    order = rng.random(BRAIN.shape)
    place = curves.ranks(order, BRAIN, rng=rng)
    assert np.isinf(place[~BRAIN]).all() and place[BRAIN].max() == 1
    assert sorted(place[BRAIN] * BRAIN.sum()) == pytest.approx(list(range(1, BRAIN.sum() + 1)))
    assert order[place == place.min()] == order[BRAIN].max()
    flat = [curves.ranks(np.ones(BRAIN.shape), BRAIN, rng=np.random.default_rng(s)) for s in (1, 2)]
    assert not np.array_equal(*flat)


def test_area():
    assert curves.area(np.array([1.0, 0.5, 0.0])) == pytest.approx(0.5)
    assert curves.area(np.array([2.0, 2.0])) == 2
