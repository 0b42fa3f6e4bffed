import numpy as np

from ricenet.occlusion import cubes

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
