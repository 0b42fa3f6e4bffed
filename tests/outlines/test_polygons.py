"""Filling polygons, against areas in closed form and matplotlib's test of single points."""

import numpy as np
from matplotlib.path import Path

from ricenet.outlines.polygons import area_shares, crossing_pairs, even_odd

SQUARE = np.array([[2.0, 3.0], [12.0, 3.0], [12.0, 9.0], [2.0, 9.0]])
HOLE = np.array([[5.0, 5.0], [5.0, 7.0], [9.0, 7.0], [9.0, 5.0]])


def star(seed: int, corners: int = 23) -> np.ndarray:
    rng = np.random.default_rng(seed)
    turn = np.sort(rng.random(corners)) * 2 * np.pi
    return 20 + rng.uniform(4, 18, corners)[:, None] * np.c_[np.cos(turn), np.sin(turn)]


def test_points_inside_are_those_of_another_program() -> None:
    points = np.moveaxis(np.indices((40, 37)), 0, -1).reshape(-1, 2)
    for seed in range(20):
        expected = Path(star(seed)).contains_points(points).reshape(40, 37)
        np.testing.assert_array_equal(even_odd([star(seed)], (40, 37)), expected)


def test_what_lies_in_two_is_outside() -> None:
    points = np.moveaxis(np.indices((40, 40)), 0, -1).reshape(-1, 2)
    one, other = (Path(star(seed)).contains_points(points).reshape(40, 40) for seed in (1, 2))
    np.testing.assert_array_equal(even_odd([star(1), star(2)], (40, 40)), one ^ other)


def test_area_of_a_square_with_a_hole() -> None:
    share = area_shares([SQUARE, HOLE], (15, 12))
    assert share.sum() == 10 * 6 - 4 * 2
    assert share[7, 6] == 0 and share[3, 4] == 1
    assert share[2, 5] == 0.5  # the edge passes through the pixel's centre
    assert share[2, 3] == 0.25


def test_direction_start_and_repeated_corners_change_nothing() -> None:
    wanted = area_shares([SQUARE, HOLE], (15, 12))
    other = [np.repeat(np.roll(SQUARE, 2, axis=0)[::-1], 2, axis=0), HOLE[::-1]]
    np.testing.assert_array_equal(area_shares(other, (15, 12)), wanted)


def test_a_keyhole_is_a_hole() -> None:
    for corner in range(4):
        inner = np.roll(HOLE, corner, axis=0)
        contour = np.concatenate([SQUARE, SQUARE[:1], inner[:1], inner[::-1], SQUARE[:1]])
        found = area_shares([contour], (15, 12))
        np.testing.assert_array_equal(found, area_shares([SQUARE, HOLE], (15, 12)))


def test_what_lies_beyond_the_lattice_is_left_out() -> None:
    found = area_shares([SQUARE - [5, 5]], (15, 12))
    np.testing.assert_array_equal(found[:8, :5], area_shares([SQUARE], (15, 12))[5:13, 5:10])
    assert not found[8:].any() and not found[:, 5:].any()


def test_pairs_that_cross_or_repeat() -> None:
    shape = (30, 30)
    assert crossing_pairs([SQUARE, HOLE], shape) == 0
    assert crossing_pairs([SQUARE, np.add(SQUARE, (11, 0))], shape) == 0
    assert crossing_pairs([SQUARE, np.add(SQUARE, (4, 2))], shape) == 1
    assert crossing_pairs([SQUARE, np.roll(SQUARE, 1, axis=0)], shape) == 1
    ring = 10 + 9 * np.c_[np.cos(t := np.linspace(0, 6.2, 60)), np.sin(t)]
    assert crossing_pairs([ring, 10 + (ring - 10) * 0.95], shape) == 0
