"""boxes: the smallest that holds a mask."""

import numpy as np
import pytest

from ricenet.image.boxes import box_around

SHAPE = (5, 6, 7)


def test_box_holds_the_mask_and_stays_in_the_array():
    mask = np.zeros(SHAPE, bool)
    mask[2:4, 0:3, 5] = True
    assert box_around(mask, 1) == (slice(1, 5), slice(0, 4), slice(4, 7 - 0))
    with pytest.raises(ValueError, match="empty"):
        box_around(np.zeros(SHAPE, bool), 1)
