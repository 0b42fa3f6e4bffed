"""orientation: axes are reordered and flipped, voxels stay where they were."""

import numpy as np

from ricenet.image.orientation import to_ras
from ricenet.image.volume import Volume


def test_ras_undoes_a_turned_grid():
    corner = np.arange(24.0).reshape(2, 3, 4)
    affine = np.diag([1.0, 2, 3, 1])
    turned = np.flip(corner.transpose(2, 0, 1), axis=1)  # axes: superior, left, anterior
    place = np.zeros((4, 4))
    place[:3, 0], place[:3, 1], place[:3, 2] = [0, 0, 3], [-1, 0, 0], [0, 2, 0]
    place[:, 3] = [1, 0, 0, 1]
    back = to_ras(Volume(turned, place))
    np.testing.assert_array_equal(back.data, corner)
    np.testing.assert_allclose(back.affine, affine)
