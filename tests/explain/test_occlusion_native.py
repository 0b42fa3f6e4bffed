"""The map on the native voxels: at the same points in space, whatever the native axes are."""

import numpy as np
import pytest
from scipy import ndimage

from ricenet.explain import occlusion_native
from ricenet.image.interpolation import isotropic_grid
from ricenet.image.volume import Volume, load
from ricenet.preprocess.crop import crop
from step_run import put, run_step

NATIVE_SHAPE = (30, 40, 14)
SPACING = (1.3, 0.9, 3.0)


def native_affine():
    """Oblique, left-handed, anisotropic."""
    angle = np.deg2rad(17)
    turn = np.array(
        [[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]]
    )
    affine = np.eye(4)
    affine[:3, :3] = turn @ np.diag([-SPACING[0], SPACING[1], SPACING[2]])
    affine[:3, 3] = (12.0, -30.0, 5.0)
    return affine


@pytest.fixture
def made(tmp_path):
    """A smooth map on a cropped isotropic grid over a native image, as the workflow makes them."""
    shape, affine = isotropic_grid(NATIVE_SHAPE, native_affine(), spacing_mm=1.0)
    rng = np.random.default_rng(0)
    data = ndimage.gaussian_filter(rng.standard_normal(shape), 3).astype(np.float32)
    change = crop(Volume(data, affine), (4, 3, -2), (30, 28, 40))
    flags = {
        "map": put(tmp_path / "P1.nii.gz", change.data, change.affine),
        "native": put(tmp_path / "native.nii.gz", np.ones(NATIVE_SHAPE, "f4"), native_affine()),
    }
    out = tmp_path / "P1_native.nii.gz"
    record = run_step(occlusion_native.main, tmp_path / "P1_native.json", {}, **flags, out=out)
    return change, load(out), record


def test_native_voxels_hold_the_value_at_their_place(made):
    change, found, _ = made
    assert found.data.shape == NATIVE_SHAPE
    np.testing.assert_allclose(found.affine, native_affine(), atol=1e-4)
    voxels = np.c_[np.indices(NATIVE_SHAPE).reshape(3, -1).T, np.ones(np.prod(NATIVE_SHAPE))]
    at = (voxels @ native_affine().T @ np.linalg.inv(change.affine).T)[:, :3]
    inside = ((at > 0) & (at < np.array(change.data.shape) - 1)).all(axis=1)
    expected = ndimage.map_coordinates(change.data, at[inside].T, order=1)
    np.testing.assert_allclose(found.data.ravel()[inside], expected, atol=1e-4)
    assert inside.mean() > 0.4 and np.abs(expected).max() > 0.02
    far = ((at < -1) | (at > change.data.shape)).any(axis=1)
    assert far.any() and not found.data.ravel()[far].any()


def test_record_says_how_much_importance_there_is(made):
    change, found, record = made
    expected = np.abs(found.data).sum() * np.prod(SPACING) / 1000
    assert record["facts"]["native_importance_ml"] == pytest.approx(expected, rel=1e-3)
    assert record["facts"]["map_importance_ml"] == pytest.approx(np.abs(change.data).sum() / 1e3)
