"""crop: every voxel keeps its place in the world, and no brain is lost."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from grids import oblique
from ricenet.image.volume import Volume, load
from ricenet.preprocess import crop
from ricenet.preprocess.crop import box_start
from step_run import put, run_step

RNG = np.random.default_rng(6)
SIZE = (15, 11, 13)


def brain(box=((4, 9), (3, 8), (5, 11))) -> np.ndarray:
    mask = np.zeros(SIZE, np.uint8)
    mask[tuple(slice(*b) for b in box)] = 1
    return mask


def by_position(volume: Volume) -> dict[tuple, float]:
    """Values that are not 0, by their place in the world."""
    index = np.argwhere(volume.data)
    world = nib.affines.apply_affine(volume.affine, index).round(2) + 0.0
    return {tuple(w): volume.data[tuple(i)] for w, i in zip(world, index, strict=True)}


@pytest.mark.parametrize("shape", [(8, 8, 8), (7, 6, 9), (15, 11, 13), (20, 30, 14), (4, 4, 4)])
def test_box_is_centred_on_the_brain_to_half_a_voxel(shape) -> None:
    start = box_start(brain() > 0, shape)
    centre = np.array([6.0, 5.0, 7.5])  # of the brain's first and last voxel
    off = np.array(start) + (np.array(shape) - 1) / 2 - centre
    assert np.abs(off).max() <= 0.5


@pytest.mark.parametrize("start", [(2, 1, 3), (-3, -1, 8), (0, 0, 0), (14, 3, -7)])
def test_voxels_keep_value_and_place(start) -> None:
    """Also where the box reaches beyond the volume, on either side."""
    volume = Volume(RNG.uniform(1, 2, SIZE).astype(np.float32), oblique())
    shape = (8, 9, 10)
    found = crop.crop(volume, start, shape)
    assert found.data.shape == shape
    kept = {}
    for index in np.ndindex(shape):  # slow second formula
        source = np.add(index, start)
        if (source >= 0).all() and (source < SIZE).all():
            kept[index] = volume.data[tuple(source)]
        else:
            assert found.data[index] == 0
    assert all(found.data[i] == v for i, v in kept.items())
    whole = by_position(volume)
    assert by_position(found).items() <= whole.items() and len(by_position(found)) == len(kept)


def test_crop_is_undone_by_the_opposite_crop() -> None:
    volume = Volume(RNG.standard_normal(SIZE), oblique())
    larger = crop.crop(volume, (-2, -3, -1), (20, 18, 17))
    back = crop.crop(larger, (2, 3, 1), SIZE)
    np.testing.assert_array_equal(back.data, volume.data)
    np.testing.assert_allclose(back.affine, volume.affine, atol=1e-12)


def test_box_beside_the_volume_is_empty() -> None:
    volume = Volume(np.ones(SIZE, np.float32), np.eye(4))
    for start in ((40, 0, 0), (-40, 0, 0)):
        assert not crop.crop(volume, start, (5, 5, 5)).data.any()


def run(folder: Path, shape, mask, affine=None) -> dict:
    images = [
        put(folder / f"{n}_x.nii.gz", RNG.uniform(1, 2, SIZE).astype(np.float32), oblique())
        for n in ("postop", "dose")
    ]
    mask = put(folder / "mask.nii.gz", mask, oblique() if affine is None else affine)
    cropped = [folder / f"{n}_cropped.nii.gz" for n in ("postop", "dose")]
    return run_step(
        crop.main, folder / "crop.json", {"shape": list(shape)}, images=images, mask=mask,
        cropped=cropped, cropped_mask=folder / "brain-mask_cropped.nii.gz",
    )  # fmt: skip


@pytest.mark.parametrize("shape", [(5, 5, 6), (16, 20, 16)])
def test_step_cuts_the_same_box_out_of_all(shape, tmp_path: Path) -> None:
    record = run(tmp_path, shape, brain())
    mask = load(tmp_path / "brain-mask_cropped.nii.gz")
    assert mask.data.shape == shape and mask.data.sum() == 5 * 5 * 6
    assert by_position(mask).keys() == by_position(Volume(brain(), oblique())).keys()
    for name in ("postop", "dose"):
        image, whole = (
            load(tmp_path / f"{name}_cropped.nii.gz"),
            load(tmp_path / f"{name}_x.nii.gz"),
        )
        np.testing.assert_array_equal(image.affine, mask.affine)
        np.testing.assert_array_equal(image.data[mask.data > 0], whole.data[brain() > 0])
    assert record["checks"][0]["value"] == 0 and record["checks"][0]["verdict"] == "pass"
    assert len(record["outputs"]["cropped"]) == 2


@pytest.mark.parametrize(("shape", "lost"), [((4, 8, 8), 30), ((5, 5, 5), 25), ((5, 5, 6), 0)])
def test_brain_that_does_not_fit_is_never_cut_in_silence(shape, lost, tmp_path: Path) -> None:
    """The outputs are there to be looked at, but the check fails with the number of voxels."""
    record = run(tmp_path, shape, brain())
    (check,) = record["checks"]
    assert (check["check"], check["value"]) == ("brain-voxels-lost", lost)
    assert check["verdict"] == ("fail" if lost else "pass")
    assert ("enlarge crop.shape" in check.get("advice", "")) == (lost > 0)
    # of 0.9 x 1.2 x 2.1 mm
    assert record["facts"]["brain_ml_lost"] == pytest.approx(
        lost * 0.9 * 1.2 * 2.1 / 1000, abs=1e-3
    )
    assert load(tmp_path / "brain-mask_cropped.nii.gz").data.sum() == 150 - lost
    assert all((tmp_path / f"{n}_cropped.nii.gz").exists() for n in ("postop", "dose"))


def test_empty_mask_and_other_grid_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="mask is empty"):
        run(tmp_path, (8, 8, 8), brain() * 0)
    with pytest.raises(ValueError, match=r"postop_x.nii.gz and brain mask lie on different grids"):
        run(tmp_path, (8, 8, 8), brain(), affine=np.eye(4))
    assert not list(tmp_path.glob("*cropped*"))
