import numpy as np
import pytest

from ricenet.explain.map_verdict import judge, p_of_controls

CONTROLS = np.linspace(0.02, 0.06, 19)
CASE = {"share": 0.09, "controls": CONTROLS, "exchange_p": 0.01, "largest": 1.0, "level": 0.2}


@pytest.mark.parametrize(
    ("changed", "word"),
    [
        ({}, "shown"),
        ({"controls": np.array([])}, "not judged"),
        ({"controls": CONTROLS[:18]}, "not judged"),
        ({"exchange_p": float("nan")}, "not judged"),
        ({"exchange_p": 0.06}, "not shown"),
        ({"share": 0.06}, "not shown"),
        ({"largest": 0.1}, "below the controls"),
        ({"share": float("nan")}, "not judged"),
    ],
)
def test_each_control_can_refuse(changed, word):
    assert judge(**CASE | changed).word == word


def test_a_control_network_is_rarely_above_the_others():
    rng = np.random.default_rng(1)
    passed = [p_of_controls(x[0], x[1:]) <= 0.05 for x in rng.lognormal(size=(2000, 20))]
    assert np.mean(passed) == pytest.approx(0.05, abs=0.015)
    assert p_of_controls(1.0, np.array([0.5, 1.0, 2.0])) == 0.75
    assert np.isnan(p_of_controls(1.0, np.array([np.nan])))
