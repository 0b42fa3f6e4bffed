"""acquisition: thick slices average what they are thick enough to hold."""

import numpy as np
import pytest

from ricenet.phantom import acquisition, canvas


def test_thick_slices_average_and_thin_ones_do_not():
    grid = canvas.Canvas(2.0)
    ramp = np.broadcast_to(np.arange(grid.shape[2], dtype=np.float32), grid.shape) % 2
    affine = acquisition.RAS_TO_LPS @ grid.affine
    affine[:3, 2] *= 2
    views = {
        parts: acquisition.view(
            ramp.copy(), canvas=grid, pose=np.eye(4), shape=(5, 5, 20), affine=affine,
            subslices=parts,
        )
        for parts in (1, 3)
    }  # fmt: skip
    assert np.ptp(views[1][2, 2, 2:18]) == pytest.approx(0, abs=1e-4)
    assert views[3][2, 2, 10] == pytest.approx((0 + 2 * 2 / 3) / 3, abs=0.01)
