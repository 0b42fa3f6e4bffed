import numpy as np
import pytest
import torch
from torch.nn import functional

from ricenet.explain.occlusion.boxes import Boxes, Window, by_size, crop, read_by, through, union


def along_x(first, last, size):
    """Boxes of one voxel along Y and Z."""
    wide = np.zeros((len(first), 3), int)
    firsts, lasts = wide.copy(), wide.copy()
    firsts[:, 0], lasts[:, 0] = first, last
    return Boxes(firsts, lasts, np.array([size, 1, 1]))


@pytest.mark.parametrize("kernel", [1, 2, 3, 7])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("padding", [0, 1, 3])
@pytest.mark.parametrize("dilation", [1, 2])
def test_changed_outputs_are_those_that_a_convolution_shows(kernel, stride, padding, dilation):
    size, width = 17, 3
    starts = np.arange(size - width + 1)
    boxes = along_x(starts, starts + width - 1, size)
    window = Window((kernel, 1, 1), (stride, 1, 1), (padding, 0, 0), (dilation, 1, 1))
    after = through(boxes, window)
    weight = torch.ones(1, 1, kernel)
    for start, first, last in zip(starts, after.first[:, 0], after.last[:, 0], strict=True):
        signal = torch.zeros(1, 1, size)
        signal[..., start : start + width] = 1
        shown = functional.conv1d(
            signal, weight, stride=stride, padding=padding, dilation=dilation
        )[0, 0]
        changed = shown.nonzero().ravel().tolist()
        assert after.shape.tolist() == [len(shown), 1, 1]
        # no more than needed, but one voxel where nothing has changed
        assert (changed[0], changed[-1]) == (first, last) if changed else first == last


def test_union_holds_both():
    a, b = along_x([2, 5], [4, 6], 9), along_x([3, 1], [8, 2], 9)
    both = union([a, b])
    assert both.first[:, 0].tolist() == [2, 1] and both.last[:, 0].tolist() == [8, 6]
    with pytest.raises(ValueError, match="summed"):
        union([a, along_x([0, 0], [1, 1], 8)])


def test_crops_have_one_size_and_lie_inside():
    boxes = along_x([0, 3, 8], [0, 6, 8], 9)
    found = crop(boxes, np.array([0, 1, 2]))
    assert found.size.tolist() == [4, 1, 1] and found.starts[:, 0].tolist() == [0, 3, 5]
    assert crop(boxes, np.array([2])).starts[:, 0].tolist() == [8]


def test_what_a_layer_reads():
    out = crop(along_x([0, 3], [1, 4], 5), np.array([0, 1]))
    found = read_by(out, Window((3, 1, 1), (2, 1, 1), (1, 0, 0), (2, 1, 1)))
    # outputs 0 and 1 read -1, 1, 3 and 1, 3, 5; outputs 3 and 4 read 5 to 11
    assert found.starts[:, 0].tolist() == [-1, 5] and found.size.tolist() == [7, 1, 1]


def test_equal_sizes_meet():
    order = by_size([along_x([0, 1, 2, 3], [3, 2, 5, 4], 9)])
    assert order.tolist() == [1, 3, 0, 2]
