"""Contours on a grid: volume, centre, planes that are not the grid's, gaps."""

import numpy as np
import pytest

from ricenet.outlines import contours

SHAPE = (40, 36, 20)


def ball(heights, radius=8.0, centre=(18.0, 17.0, 9.5)) -> list[np.ndarray]:
    """Circles of a ball at some heights; the grid has voxels of 1."""
    turn = np.linspace(0, 2 * np.pi, 72, endpoint=False)
    found = []
    for z in heights:
        own = radius**2 - (z - centre[2]) ** 2
        if own > 0:
            ring = np.sqrt(own) * np.c_[np.cos(turn), np.sin(turn)]
            found.append(np.c_[np.add(centre[:2], ring), np.full(72, z)])
    return found


def centre_of(share: np.ndarray) -> np.ndarray:
    return np.array([(share * axis).sum() / share.sum() for axis in np.indices(share.shape)])


VOLUME = 4 / 3 * np.pi * 8**3


@pytest.mark.parametrize("heights", [np.arange(20), np.arange(0.5, 20), np.arange(0.3, 20, 0.4),
                                     np.arange(0.2, 20, 1.7)])  # fmt: skip
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_ball_keeps_volume_and_place_wherever_its_planes_lie(heights, axis):
    found = contours.fill(
        [np.roll(c, axis + 1, axis=1) for c in ball(heights)], np.roll(SHAPE, axis + 1)
    )
    assert found.axis == axis
    assert found.share.sum() == pytest.approx(VOLUME, rel=0.02)
    np.testing.assert_allclose(centre_of(found.share), np.roll((18, 17, 9.5), axis + 1), atol=0.1)
    assert found.distance == pytest.approx(heights[1] - heights[0])
    assert (found.inside, found.missing, found.crossing) == (pytest.approx(1), 0, 0)
    assert found.share.min() == 0 and found.share.max() == 1


def test_one_contour_is_a_slab_of_one_slice():
    found = contours.fill(ball([9.5]), SHAPE)
    assert found.share.sum() == pytest.approx(np.pi * 64, rel=0.01)
    np.testing.assert_allclose(centre_of(found.share)[2], 9.5, atol=1e-6)


def test_two_balls_above_each_other_stay_apart():
    small = {"radius": 2.5}
    both = ball(range(20), centre=(18, 17, 4), **small) + ball(
        range(20), centre=(18, 17, 15), **small
    )
    found = contours.fill(both, SHAPE)
    assert found.share.sum() == pytest.approx(2 * 4 / 3 * np.pi * 2.5**3, rel=0.1)
    assert not found.share[:, :, 8:12].any() and found.missing == 0


def test_single_contours_of_two_lesions_are_not_joined():
    found = contours.fill(ball([4], 3, (10, 10, 4)) + ball([16], 3, (25, 22, 16)), SHAPE)
    assert found.share.sum() == pytest.approx(2 * np.pi * 9, rel=0.02)


def test_a_plane_that_nobody_drew_is_counted_and_left_empty():
    found = contours.fill(ball([k for k in range(20) if k != 10]), SHAPE)
    assert found.missing == 1 and not found.share[:, :, 10].any()
    assert found.share[:, :, 9].sum() == pytest.approx(np.pi * (64 - 0.25), rel=0.01)
    assert contours.missing_slices(found.share) == 1


def test_contours_beyond_the_grid_are_cut_and_the_share_is_known():
    found = contours.fill(ball(range(-10, 20), centre=(0.0, 17.0, 9.5)), SHAPE)
    assert found.inside == pytest.approx(0.5, abs=0.05)  # half a voxel of column 0 more
    assert found.share.sum() == pytest.approx(found.inside * VOLUME, rel=0.02)


def test_contours_across_the_grid_are_refused():
    tilt = np.array([[1, 0, 0], [0, 0.9, -0.4], [0, 0.4, 0.9]])
    with pytest.raises(ValueError, match="in no planes of the image's grid"):
        contours.fill([c @ tilt.T for c in ball(range(20))], SHAPE)


def test_contours_far_away_are_refused():
    with pytest.raises(ValueError, match="belong together"):
        contours.fill([np.add(c, (5000, 0, 0)) for c in ball(range(20))], SHAPE)
    with pytest.raises(ValueError, match="belong together"):
        contours.fill([c * [1e5, 1e5, 1] for c in ball(range(20))], SHAPE)


def test_a_contour_that_is_stored_twice_does_not_cut_itself_out():
    """The other way round, and from another corner; it is counted, so that a person looks."""
    once = ball(range(4, 16))
    again = [np.roll(points[::-1], 3, axis=0) for points in once]
    one, two = (contours.fill(drawn, SHAPE) for drawn in (once, [*once, *again]))
    np.testing.assert_array_equal(one.share, two.share)
    assert (one.crossing, two.crossing) == (0, len(once))
