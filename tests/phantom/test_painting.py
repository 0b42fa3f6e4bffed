"""painting: layers are composed as if painted one by one."""

import numpy as np

from ricenet.phantom import painting


def test_composed_layers_equal_layers_painted_one_by_one():
    rng = np.random.default_rng(0)
    layers = [(rng.random((3, 3, 3)), value) for value in (0.3, 1.2, rng.random((3, 3, 3)))]
    start = rng.random((3, 3, 3))
    painted = start
    for weight, value in layers:
        painted = painted + weight * (value - painted)
    keep, add = painting.compose(layers)
    np.testing.assert_allclose(keep * start + add, painted)
