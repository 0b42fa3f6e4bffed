"""Cutting, moving between grids, and the page."""

import io

import numpy as np
import pytest
from PIL import Image

from ricenet.image.volume import Volume, load, save
from ricenet.pictures import scene


@pytest.fixture
def small():
    shape = (20, 24, 18)
    brain = np.zeros(shape, bool)
    brain[4:16, 4:20, 4:14] = True
    volume = np.where(brain, np.random.default_rng(0).normal(size=shape), 0)
    return scene.cut({"event": volume, "dose": 60.0 * brain}, brain, (1, 1, 2), (6, 8, 7), 2.0)


def test_cut_keeps_the_point_at_its_voxel(small):
    assert small.brain.shape == (16, 20, 14)
    assert small.point == (4, 6, 5)


def test_moved_agrees_with_world_coordinates():
    source, target = np.diag([1.0, 1, 1, 1]), np.diag([2.0, 2, 2, 1])
    source[:3, 3], target[:3, 3] = [10, -20, 4], [0, -30, 2]
    assert scene.moved((2, 4, 6), source, target) == (6, 7, 4)


def test_page_has_the_rows_and_the_width(small):
    row = scene.dose_row(small, "event", "dose")
    image = Image.open(io.BytesIO(scene.page([row, row], "P001", small)))
    assert image.size == (scene.WIDTH_PX, 64 + 2 * scene.ROW_PX)


def test_page_draws_a_signed_overlay_with_its_bar(small):
    def draw(axes, plane):
        scene.draw_base(axes, small, plane, scene.grey(small, "event", plane))
        scene.draw_signed(axes, small, plane, small.volumes["dose"] / 60 - 0.4, 1.0)

    row = scene.Row("map", "note", draw, {}, (1.0, "label"))
    image = np.asarray(Image.open(io.BytesIO(scene.page([row], "", small))).convert("RGB"))
    assert (np.ptp(image.astype(int), axis=2) > 60).mean() > 0.02


def test_grey_is_black_outside_the_brain(small):
    shown = scene.grey(small, "event", "axial")
    assert shown[0].max() == 0 and shown.max() > 0.9


def test_loaded_refuses_other_grids_and_counts(tmp_path):
    volume = Volume(np.zeros((4, 4, 4), np.float32), np.eye(4))
    save(tmp_path / "a.nii.gz", volume)
    assert list(scene.loaded([tmp_path / "a.nii.gz"], ["a"], volume, load=load)) == ["a"]
    with pytest.raises(ValueError, match="2 volumes"):
        scene.loaded([tmp_path / "a.nii.gz"] * 2, ["a"], volume, load=load)
    with pytest.raises(ValueError, match="grids"):
        other = Volume(volume.data, np.diag([2.0, 2, 2, 1]))
        scene.loaded([tmp_path / "a.nii.gz"], ["a"], other, load=load)
