"""interpolation: against exact copies and against scipy."""

from __future__ import annotations

from itertools import permutations, product

import nibabel as nib
import numpy as np
import pytest

from grids import oblique, rigid, scipy_sampled
from ricenet.image.interpolation import INTERPOLATORS, isotropic_grid, sample
from ricenet.image.transforms import from_matrix_ras
from ricenet.image.volume import Volume

RNG = np.random.default_rng(5)


@pytest.mark.parametrize("order", list(permutations(range(3))))
@pytest.mark.parametrize("flips", [(1, 1, 1), (-1, 1, -1), (-1, -1, -1)])
def test_isotropic_image_is_copied_exactly_whatever_its_axes(order, flips) -> None:
    """Against nibabel's reorientation: nothing is interpolated, axes and flips come out right."""
    data = RNG.standard_normal((5, 7, 6)).astype(np.float32)
    affine = np.zeros((4, 4))
    for axis, world in enumerate(order):
        affine[world, axis] = 2.0 * flips[axis]
    affine[:, 3] = (-14.5, 8.0, 3.25, 1)
    expected = nib.as_closest_canonical(nib.Nifti1Image(data, affine))
    shape, grid = isotropic_grid(data.shape, affine, spacing_mm=2.0)
    np.testing.assert_allclose(grid, expected.affine, atol=1e-12)
    for interpolator in ("nearest", "linear"):
        found = sample(Volume(data, affine), shape, grid, interpolator=interpolator)
        np.testing.assert_array_equal(found.data, expected.get_fdata(dtype=np.float32))


@pytest.mark.parametrize("spacing_mm", [0.7, 1.0, 3.0])
def test_grid_covers_the_field_of_view_about_the_same_centre(spacing_mm: float) -> None:
    size, affine = (20, 31, 12), oblique()[:, [2, 0, 1, 3]]
    shape, grid = isotropic_grid(size, affine, spacing_mm=spacing_mm)
    np.testing.assert_allclose(np.linalg.norm(grid[:3, :3], axis=0), spacing_mm)
    assert nib.aff2axcodes(grid) == ("R", "A", "S")
    # corners of the field of view, half a voxel beyond the outer centres
    corners = np.array(list(product(*[(-0.5, n - 0.5) for n in size])))
    world = nib.affines.apply_affine(affine, corners)
    index = nib.affines.apply_affine(np.linalg.inv(grid), world)
    np.testing.assert_allclose(index.min(0) + index.max(0), np.array(shape) - 1, atol=1e-9)
    over = np.array(shape) - (index.max(0) - index.min(0))
    assert (over > -0.01).all() and (over < 1).all()


@pytest.mark.parametrize(
    ("interpolator", "order", "margin"), [("linear", 1, 0), ("bspline", 3, 0), ("nearest", 0, 0)]
)
def test_as_scipy_through_a_rigid_transform(interpolator, order: int, margin: int) -> None:
    volume = Volume(RNG.standard_normal((18, 16, 14)).astype(np.float32), oblique())
    shape, affine = (21, 19, 23), rigid((-5, 3, 10), (-14, 6, 17)) @ np.diag([1.1, 1, 1.2, 1])
    matrix = rigid((4, -9, 6), (1.5, -2.25, 0.75))
    found = sample(
        volume, shape, affine, interpolator=interpolator, transform=from_matrix_ras(matrix)
    )
    expected, places = scipy_sampled(volume, shape, affine, matrix, order)
    last = np.reshape(volume.data.shape, (3, 1, 1, 1)) - 1
    inside = ((places >= margin) & (places <= last - margin)).all(0)
    if interpolator == "nearest":  # a tie may be rounded either way
        inside &= (np.abs(places - np.floor(places) - 0.5) > 1e-3).all(0)
    if interpolator == "bspline":
        expected = np.clip(expected, volume.data.min(), volume.data.max())
    assert inside.sum() > 1000
    np.testing.assert_allclose(found.data[inside], expected[inside], atol=2e-4)
    outside = ((places < -0.51) | (places > last + 0.51)).any(0)
    assert outside.sum() > 100 and not found.data[outside].any()
    np.testing.assert_array_equal(found.affine, affine)


@pytest.mark.parametrize("interpolator", list(INTERPOLATORS))
@pytest.mark.parametrize("low", [0.0, -3.0])
def test_never_overshoots(interpolator: str, low: float) -> None:
    """A step edge, where splines and sinc ring."""
    data = np.full((12, 12, 12), low, np.float32)
    data[6:] = 50
    volume = Volume(data, np.eye(4))
    found = sample(volume, (40, 40, 40), np.diag([0.29, 0.31, 0.3, 1]), interpolator=interpolator)
    assert found.data.min() >= low and found.data.max() <= 50
    assert found.data.max() == 50 and found.data.dtype == np.float32


def test_shift_of_one_voxel_goes_the_right_way() -> None:
    """Target point x shows the volume at x + 1 voxel: the picture moves left."""
    data = RNG.integers(0, 255, (6, 5, 4)).astype(np.uint8)
    shift = from_matrix_ras(rigid((0, 0, 0), (2.0, 0, 0)))
    affine = np.diag([2.0, 2, 2, 1])
    volume = Volume(data, affine)
    found = sample(volume, data.shape, affine, interpolator="nearest", transform=shift).data
    np.testing.assert_array_equal(found[:-1], data[1:])
    assert not found[-1].any() and found.dtype == np.uint8
