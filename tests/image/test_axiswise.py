"""axiswise: against ITK, which knows nothing of parallel axes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from ricenet.image import interpolation
from ricenet.image.axiswise import parallel_axes
from ricenet.image.volume import Volume


@given(
    seed=st.integers(0, 2**32 - 1),
    # two voxels: ITK reads beside them
    size=st.tuples(*[st.integers(1, 12).filter(lambda n: n != 2)] * 3),
    shape=st.tuples(*[st.integers(1, 15)] * 3),
    interpolator=st.sampled_from(["linear", "bspline"]),
)
def test_same_values_as_itk(seed: int, size, shape, interpolator: str) -> None:
    """Any order, direction, spacing and offset of the axes, also partly or wholly outside."""
    rng = np.random.default_rng(seed)
    data = rng.normal(100, 50, size).astype(np.float32)
    askew = np.eye(4)
    askew[:3, :3] = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    volume = Volume(data, askew @ np.diag([*rng.uniform(0.5, 3, 3), 1]))
    to_volume = np.eye(4)
    to_volume[:3, :3] = np.diag(rng.uniform(0.3, 2, 3) * rng.choice([-1, 1], 3))[rng.permutation(3)]
    to_volume[:3, 3] = rng.uniform(-1, 1, 3) * size
    affine = volume.affine @ to_volume

    found = interpolation.sample(volume, shape, affine, interpolator=interpolator).data
    wanted = interpolation.sample_with_itk(volume, shape, affine, interpolator, None)

    assert found.shape == tuple(shape)
    low, high = min(0, data.min()), max(0, data.max())
    np.testing.assert_allclose(found, np.clip(wanted, low, high), atol=1e-5 * np.abs(data).max())


def test_linear_where_it_is_linear() -> None:
    """A plane stays a plane: no place is off by a fraction of a voxel, in any axis."""
    x, y, z = np.indices((9, 8, 7), dtype=np.float32)
    volume = Volume(2 * x - 3 * y + 5 * z + 40, np.diag([2.0, 1.0, 3.0, 1]))
    grid = np.diag([1.0, 0.5, 1.5, 1])
    grid[:3, 3] = (1.0, 0.5, 1.5)
    found = interpolation.sample(volume, (14, 12, 10), grid, interpolator="linear").data
    i, j, k = (0.5 + n / 2 for n in np.indices((14, 12, 10)))
    np.testing.assert_allclose(found, 2 * i - 3 * j + 5 * k + 40, rtol=1e-6)


@pytest.mark.parametrize(("degrees", "parallel"), [(0.0, True), (2e-6, True), (0.1, False)])
def test_axes_are_parallel_up_to_what_a_header_can_say(degrees: float, parallel: bool) -> None:
    turn = np.eye(4)
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    turn[:2, :2] = (c, -s), (s, c)
    assert (parallel_axes(turn, (256, 256, 256)) == [0, 1, 2]) is parallel


def test_coarse_is_a_gaussian_average_of_half_a_voxel() -> None:
    """Against SciPy's Gaussian, read at the coarse grid's centres; away from the borders."""
    data = np.random.default_rng(5).normal(100, 20, (48, 42, 36)).astype(np.float32)
    spacing_mm = np.array([1.0, 1.5, 0.8])
    volume = Volume(data, np.diag([*spacing_mm, 1]))
    found = interpolation.coarse(volume, spacing_mm=3.0)
    smooth = ndimage.gaussian_filter(data.astype(float), 1.5 / spacing_mm, truncate=7)
    places = np.indices(found.data.shape).T @ np.diag(3 / spacing_mm)
    places += found.affine[:3, 3] / spacing_mm
    wanted = ndimage.map_coordinates(smooth, places.T, order=5)
    inner = (slice(3, -3),) * 3
    np.testing.assert_allclose(found.data[inner], wanted[inner], atol=0.05)
