"""volume: against nibabel and SimpleITK reading the same file, and headers that lie."""

from __future__ import annotations

import gzip
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk
from scipy.spatial.transform import Rotation

from ricenet.image.volume import (
    Volume,
    from_itk,
    load,
    require_same_space,
    same_space,
    save,
    to_itk,
)

LPS = np.diag([-1.0, -1.0, 1.0])


def oblique(spacing=(0.8, 1.1, 2.5), flip=(1, 1, 1), origin=(-30.0, 12.5, 7.25)):
    """A right-angled affine that is turned about all three axes."""
    a, b, c = 0.3, -0.2, 0.45
    x = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    y = np.array([[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]])
    z = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    affine = np.eye(4)
    affine[:3, :3] = x @ y @ z @ np.diag(np.multiply(spacing, flip))
    affine[:3, 3] = origin
    return affine


def numbers(shape=(5, 6, 7), dtype=np.float32):
    return np.arange(np.prod(shape)).reshape(shape).astype(dtype)


def write(path: Path, data, affine, *, sform=1, qform=1, qaffine=None):
    image = nib.Nifti1Image(data, affine)
    image.set_sform(affine, code=sform)
    image.set_qform(affine if qaffine is None else qaffine, code=qform)
    nib.save(image, path)
    return path


@pytest.mark.parametrize("flip", [(1, 1, 1), (-1, 1, 1), (1, -1, -1)])
def test_saved_file_lies_where_nibabel_and_simpleitk_see_it(flip, tmp_path: Path) -> None:
    path = tmp_path / "v.nii.gz"
    volume = Volume(numbers(), oblique(flip=flip))
    save(path, volume)
    theirs = nib.load(path)
    np.testing.assert_allclose(theirs.affine, volume.affine, atol=1e-5)
    np.testing.assert_array_equal(theirs.get_fdata(), volume.data)
    itk, ours = sitk.ReadImage(str(path)), to_itk(load(path))
    for index in [(0, 0, 0), (4, 0, 0), (0, 5, 0), (0, 0, 6), (3, 2, 1)]:
        assert itk.GetPixel(index) == ours.GetPixel(index) == volume.data[index]
        world = nib.affines.apply_affine(volume.affine, index)
        for image in (itk, ours):
            point = image.TransformIndexToPhysicalPoint(index)
            np.testing.assert_allclose(LPS @ point, world, atol=1e-4)
    back = from_itk(itk)
    np.testing.assert_allclose(back.affine, volume.affine, atol=1e-4)
    np.testing.assert_array_equal(back.data, volume.data)


def test_spacing_and_voxel_volume_of_an_oblique_grid() -> None:
    volume = Volume(numbers(), oblique(flip=(-1, 1, 1)))
    np.testing.assert_allclose(volume.spacing_mm, (0.8, 1.1, 2.5))
    assert volume.voxel_ml == pytest.approx(0.0022)


def test_bytes_depend_on_the_volume_alone(tmp_path: Path, monkeypatch) -> None:
    volume = Volume(numbers(), oblique())
    save(tmp_path / "a.nii.gz", volume)
    monkeypatch.setattr("time.time", lambda: 0.0)
    fortran = Volume(np.asfortranarray(volume.data), volume.affine)
    save(tmp_path / "other-name.nii.gz", fortran)
    content = (tmp_path / "a.nii.gz").read_bytes()
    assert content == (tmp_path / "other-name.nii.gz").read_bytes()
    assert content[4:8] == bytes(4)  # the time in gzip's header


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, ">i2", np.float32, np.float64])
def test_types(dtype, tmp_path: Path) -> None:
    data = numbers(dtype=dtype)
    volume = load(write(tmp_path / "v.nii.gz", data, oblique()))
    np.testing.assert_array_equal(volume.data, data)
    assert volume.data.dtype.kind == ("f" if data.dtype.kind == "f" else data.dtype.kind)
    assert volume.data.dtype != np.float64


def test_slope_and_intercept_are_applied(tmp_path: Path) -> None:
    image = nib.Nifti1Image(numbers(dtype=np.int16), oblique())
    image.header.set_slope_inter(0.5, -3)
    nib.save(image, tmp_path / "v.nii.gz")
    raw = gzip.decompress((tmp_path / "v.nii.gz").read_bytes())
    assert np.frombuffer(raw[112:120], "<f4").tolist() == [0.5, -3.0]
    stored = np.frombuffer(raw[352:], "<i2").reshape((5, 6, 7), order="F")
    np.testing.assert_allclose(load(tmp_path / "v.nii.gz").data, stored * 0.5 - 3)


def test_fourth_axis_of_one_is_dropped(tmp_path: Path) -> None:
    write(tmp_path / "v.nii.gz", numbers((5, 6, 7, 1)), oblique())
    assert load(tmp_path / "v.nii.gz").data.shape == (5, 6, 7)


def nan():
    data = numbers()
    data[1, 2, 3] = np.nan
    return data


SHEARED = oblique() @ (np.eye(4) + np.diag([0.1, 0, 0], k=1))
FLIPPED = oblique() @ np.array([[-1, 0, 0, 4], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]])
TURN = np.eye(4)
TURN[:2, :2] = [[np.cos(0.03), -np.sin(0.03)], [np.sin(0.03), np.cos(0.03)]]


@pytest.mark.parametrize(
    ("data", "affine", "options", "message"),
    [
        (numbers((5, 6, 7, 2)), oblique(), {}, r"4 dimensions \(5, 6, 7, 2\)"),
        (numbers((5, 6)), oblique(), {}, "2 dimensions"),
        (nan(), oblique(), {}, "1 voxels are NaN"),
        (numbers(), oblique(), {"qaffine": FLIPPED}, r"disagree .* by up to \d\.\d\d mm"),
        (numbers(), oblique(), {"qaffine": oblique(origin=(-30, 15.5, 8))}, r"up to 3\.00 mm"),
        # each matrix element is within 0.1, but a corner of the image is not
        (numbers((40, 40, 7)), oblique(), {"qaffine": TURN @ oblique()}, "disagree"),
        (numbers(), oblique(), {"sform": 0, "qform": 0}, "codes are both 0"),
        (numbers(), SHEARED, {"qform": 0}, "not at right angles"),
        (numbers().astype(np.complex64), oblique(), {}, "type complex64"),
    ],
)
def test_refused(data, affine, options, message: str, tmp_path: Path) -> None:
    path = write(tmp_path / "v.nii.gz", data, affine, **options)
    with pytest.raises(ValueError, match=message):
        load(path)


@pytest.mark.parametrize(
    ("place", "values"), [(280, [np.nan]), (292, [np.inf]), (280, [0, 0, 0, 0])]
)
def test_useless_affine_is_refused(place: int, values: list, tmp_path: Path) -> None:
    """Bytes of srow_x in the header, overwritten."""
    path = write(tmp_path / "v.nii", numbers(), oblique(), qform=0)
    content = bytearray(path.read_bytes())
    content[place : place + 4 * len(values)] = np.array(values, "<f4").tobytes()
    path.write_bytes(content)
    with pytest.raises(ValueError, match="singular or not finite"):
        load(path)


@pytest.mark.parametrize("share", [0.0, 0.02, 0.5, 0.999])
def test_truncated_file_is_refused(share: float, tmp_path: Path) -> None:
    path = tmp_path / "v.nii.gz"
    noise = np.random.default_rng(0).standard_normal((20, 20, 20), np.float32)
    save(path, Volume(noise, oblique()))
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(ValueError, match="not a readable NIfTI file"):
        load(path)


def test_another_format_is_refused(tmp_path: Path) -> None:
    nib.save(nib.MGHImage(numbers(), oblique()), tmp_path / "v.mgz")
    with pytest.raises(ValueError, match="not a readable NIfTI file"):
        load(tmp_path / "v.mgz")


def test_same_space_sees_a_hundredth_of_a_millimetre_and_a_missing_slice() -> None:
    a = Volume(numbers(), oblique())
    assert same_space(a, Volume(numbers(dtype=np.uint8), oblique()))
    assert not same_space(a, Volume(numbers((5, 6, 8)), oblique()))
    with pytest.raises(ValueError, match=r"dose and mask lie on different grids: \(5, 6, 7\)"):
        require_same_space(a, Volume(a.data, oblique(origin=(-30.01, 12.5, 7.25))), "dose and mask")


def test_half_turns_survive_the_header(tmp_path: Path) -> None:
    """NIfTI's quaternion is least exact near a half turn; our own files must stay readable."""
    rng = np.random.default_rng(4)
    for _ in range(200):
        axis = rng.normal(size=3)
        axis *= (np.pi - rng.uniform(0, 0.02)) / np.linalg.norm(axis)
        affine = np.eye(4)
        affine[:3, :3] = Rotation.from_rotvec(axis).as_matrix()
        image = Volume(np.zeros((256, 2, 2), np.uint8), affine)
        save(tmp_path / "v.nii.gz", image)
        np.testing.assert_allclose(load(tmp_path / "v.nii.gz").affine, affine, atol=1e-6)
