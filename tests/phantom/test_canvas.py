"""canvas: smooth fields and sampling along axes equal slower ways."""

import numpy as np
import pytest
from scipy import ndimage

from ricenet.phantom import canvas


def test_smooth_field_is_the_same_on_a_coarser_canvas():
    fields = [
        canvas.smooth_field(
            np.random.default_rng(0), shape=shape, spacing_mm=spacing, sigma_mm=9, rms=2.0
        )
        for shape, spacing in (((61, 61, 61), 1.0), ((31, 31, 31), 2.0))
    ]
    np.testing.assert_allclose(fields[0][::2, ::2, ::2], fields[1], atol=1e-5)
    assert fields[0].std() == pytest.approx(2.0, rel=0.2)


def test_sampling_axes_equals_scipy():
    rng = np.random.default_rng(0)
    volume = rng.standard_normal((5, 6, 7)).astype(np.float32)
    steps = [np.linspace(0, n - 1, 2 * n) for n in volume.shape]
    expected = ndimage.map_coordinates(volume, np.meshgrid(*steps, indexing="ij"), order=1)
    np.testing.assert_allclose(canvas.sample_axes(volume, steps), expected, atol=1e-5)
