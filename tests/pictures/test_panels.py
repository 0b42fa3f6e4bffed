"""Slices land where radiological display says, and pictures are drawn the same way twice."""

import io

import numpy as np
import pytest
from PIL import Image

from ricenet.pictures import panels

SHAPE = (9, 11, 7)
CORNER = (8, 10, 6)  # the patient's right, front and top


@pytest.fixture
def corner():
    data = np.zeros(SHAPE)
    data[CORNER] = 1
    return data


@pytest.mark.parametrize("plane", panels.PLANES)
def test_right_anterior_superior_is_top_left(corner, plane):
    shown = panels.picture(corner, plane, CORNER)
    assert np.argwhere(shown).tolist() == [[0, 0]]
    assert panels.place(SHAPE, plane, CORNER) == (0, 0)


@pytest.mark.parametrize(
    "plane, shape", [("axial", (11, 9)), ("coronal", (7, 9)), ("sagittal", (7, 11))]
)
def test_rows_are_anterior_or_superior(plane, shape):
    assert panels.picture(np.zeros(SHAPE), plane, (0, 0, 0)).shape == shape


@pytest.mark.parametrize("plane", panels.PLANES)
def test_place_is_where_the_picture_has_the_voxel(plane):
    rng = np.random.default_rng(0)
    for point in rng.integers(0, SHAPE, (20, 3)):
        data = np.zeros(SHAPE)
        data[tuple(point)] = 1
        shown = panels.picture(data, plane, tuple(point))
        assert np.argwhere(shown).tolist() == [list(panels.place(SHAPE, plane, tuple(point)))]


def test_marks_name_the_sides_of_the_picture():
    sides = {
        "R": (8, 5, 3),
        "L": (0, 5, 3),
        "A": (4, 10, 3),
        "P": (4, 0, 3),
        "S": (4, 5, 6),
        "I": (4, 5, 0),
    }
    for plane in panels.PLANES:
        left, right, top, bottom = (sides[m] for m in panels.MARKS[plane])
        assert panels.place(SHAPE, plane, left)[1] == 0
        assert panels.place(SHAPE, plane, top)[0] == 0
        assert panels.place(SHAPE, plane, right)[1] > panels.place(SHAPE, plane, left)[1]
        assert panels.place(SHAPE, plane, bottom)[0] > panels.place(SHAPE, plane, top)[0]


def test_aspect_is_height_by_width_of_a_pixel():
    spacing_mm = (1.0, 2.0, 5.0)
    assert [panels.aspect(spacing_mm, p) for p in panels.PLANES] == [2.0, 5.0, 2.5]


def test_checkerboard_alternates():
    board = panels.checkerboard(np.ones((6, 6)), np.zeros((6, 6)), 2)
    naive = [[float((r // 2 + c // 2) % 2 == 0) for c in range(6)] for r in range(6)]
    np.testing.assert_array_equal(board, naive)


def test_window_ignores_what_is_outside_the_brain():
    data, brain = np.full((10, 10, 10), 1e6), np.zeros((10, 10, 10), bool)
    brain[2:8] = True
    data[brain] = np.linspace(0, 1, brain.sum())
    low, high = panels.window(data, brain)
    assert 0 < low < 0.02 and 0.98 < high < 1
    assert panels.windowed(np.array([-9, 9]), (low, high)).tolist() == [0, 1]


def test_overlay_is_symmetric_and_transparent_near_zero():
    values = np.array([-1, -0.05, 0, 0.05, 1])
    seen = panels.opacity(values, 1.0)
    np.testing.assert_array_equal(seen, seen[::-1])
    assert seen[1:4].max() == 0 and seen[0] > 0.8


def figure():
    drawn = panels.blank_figure(200, 200)
    axes = drawn.add_axes((0, 0, 1, 1))
    across, up = np.meshgrid(np.linspace(-1, 1, 50), np.linspace(-1, 1, 50))
    radius = np.hypot(across, up)
    panels.draw_grey(axes, 0.5 * (radius < 0.9), 1.0)
    panels.draw_outline(axes, radius < 0.9)
    panels.draw_isodoses(axes, 60 * (1 - radius).clip(0))
    panels.draw_diverging(axes, np.where(radius < 0.2, -1.0, 0), 1.0, 1.0)
    return drawn


def test_png_is_the_same_twice_and_carries_no_metadata():
    first = panels.png(figure())
    assert first == panels.png(figure())
    image = Image.open(io.BytesIO(first))
    assert image.size == (200, 200) and not image.info


def test_every_isodose_keeps_its_colour():
    image = np.asarray(Image.open(io.BytesIO(panels.png(figure()))).convert("RGB")).astype(int)
    for colour in panels.ISODOSES_GY.values():
        wanted = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
        assert np.abs(image - wanted).sum(axis=2).min() < 40


def test_few_colours_stays_near_the_picture():
    rng = np.random.default_rng(0)
    grey = np.repeat(rng.integers(0, 256, (40, 40, 1), np.uint8), 3, axis=2)
    indices, palette = panels.few_colours(grey)
    assert np.abs(palette[indices].astype(int) - grey).max() <= 3
