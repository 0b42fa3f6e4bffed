import numpy as np

from ricenet.explain.occlusion import cubes

SHAPE = (7, 9, 8)


def test_corners_cover_every_voxel_of_the_brain():
    brain = np.zeros(SHAPE, bool)
    brain[6, 8, 7] = brain[1, 2, 3] = True
    places = cubes.corners(brain, cube=4, stride=3)
    covers = [(brain[x : x + 4, y : y + 4, z : z + 4]).sum() for x, y, z in places]
    assert min(covers) >= 1 and [3, 5, 4] in places.tolist()
    assert sorted({int(x) for x in places[:, 0]}) == [0, 3]


def test_cubes_that_meet_a_mask():
    mask = np.zeros(SHAPE, bool)
    mask[3, 3, 6] = True
    places = np.array([[0, 0, 0], [1, 2, 3], [3, 3, 6], [0, 0, 2], [4, 3, 6]])
    assert cubes.meet(mask, places, cube=4).tolist() == [False, True, True, False, False]
    assert cubes.meet(mask, places, cube=5).tolist() == [False, True, True, True, False]
    assert cubes.meet(mask, places[:0], cube=4).tolist() == []


def test_average_of_overlapping_cubes():
    brain = np.ones((4, 2, 2), bool)
    brain[0] = False
    found = cubes.average(np.array([1.0, 5.0]), np.array([[0, 0, 0], [1, 0, 0]]), brain, cube=2)
    np.testing.assert_array_equal(found[:, 0, 0], [0, 3, 5, 0])


def test_fill_is_a_number_or_the_mean_of_what_is_hidden():
    volume = np.random.default_rng(3).normal(size=(2, *SHAPE)).astype(np.float32)
    volume[1, :4, :4, :4] = 0.5
    places = np.array([[0, 0, 0], [1, 2, 1]])
    values = cubes.fill_values(volume, places, [0.25, None], cube=4)
    total = sum(volume[1, x, y, z] for x in range(1, 5) for y in range(2, 6) for z in range(1, 5))
    np.testing.assert_allclose(values, [[0.25, 0.5], [0.25, total / 64]], rtol=1e-5)


def test_a_cube_changes_where_any_channel_is_not_its_value():
    volume = np.zeros((2, *SHAPE), np.float32)
    volume[1] = 2
    volume[0, 5, 5, 5] = 1
    places = np.array([[0, 0, 0], [3, 3, 3], [0, 1, 0]])
    values = np.array([[0, 2], [0, 2], [0, 3]], np.float32)
    assert cubes.changing(volume, places, values, cube=3).tolist() == [1, 2]
    assert cubes.changing(volume, places[:0], values[:0], cube=3).tolist() == []
