"""Outputs from the changed boxes are those of whole forward passes."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from random_networks import network, rice_net
from ricenet.explain.occlusion.boxes import Boxes
from ricenet.explain.occlusion.hidden import Hidden, whole
from ricenet.explain.occlusion.incremental import changed_boxes, clean_activations, incremental
from ricenet.explain.occlusion.layers import NotLocalError, local_network

TOLERANCE = {torch.float64: 1e-10, torch.float32: 1e-5}


def hide(shape, firsts, sizes, *, channels, fill):
    firsts = np.array(firsts)
    return Hidden(Boxes(firsts, firsts + sizes - 1, np.array(shape)), channels, fill)


def gather(batches, cubes):
    outputs = [None] * cubes
    for chosen, values in batches:
        for place, value in zip(chosen, values, strict=True):
            assert outputs[place] is None
            outputs[place] = value
    return torch.stack(outputs)


def both(net, volume, hidden, *, batch_size):
    cubes = len(hidden.boxes.first)
    fast = incremental(local_network(net), volume, hidden, batch_size=batch_size)
    slow = whole(net, volume, hidden, batch_size=4, precision="fp32")
    return gather(fast, cubes), gather(slow, cubes)


@st.composite
def cases(draw):
    """A network, a volume, and boxes of several sizes; corners of the volume are among them."""
    shape, channels = draw(st.tuples(*[st.integers(3, 12)] * 3)), draw(st.integers(1, 3))
    net = draw(network(in_channels=channels, shape=shape))
    sizes = [tuple(draw(st.integers(1, n)) for n in shape) for _ in range(draw(st.integers(1, 6)))]
    ends = [[n - s for n, s in zip(shape, size, strict=True)] for size in sizes]
    firsts = [[draw(st.sampled_from([0, e]) | st.integers(0, e)) for e in end] for end in ends]
    some = draw(st.lists(st.integers(0, channels - 1), min_size=1, unique=True))
    hidden = hide(shape, firsts, sizes, channels=some, fill=[0.7 * c - 0.3 for c in some])
    return net, torch.randn(channels, *shape, dtype=torch.float64), hidden


@settings(max_examples=300, deadline=None, derandomize=True, database=None)
@given(cases(), st.integers(1, 4), st.sampled_from([torch.float64, torch.float32]))
def test_is_the_whole_forward_pass(case, batch_size, dtype):
    net, volume, hidden = case
    fast, slow = both(net.to(dtype), volume.to(dtype), hidden, batch_size=batch_size)
    assert fast.dtype == dtype
    assert (fast - slow).abs().max() < TOLERANCE[dtype] * max(1, slow.abs().max())


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize(("stem_stride", "shape"), [(1, (19, 22, 25)), (2, (33, 30, 41))])
def test_the_projects_network(stem_stride, shape, dtype):
    net = rice_net(3, stem_stride=stem_stride, width=0.125).to(dtype)
    firsts = list(itertools.product(*[(0, 4, n - 6) for n in shape]))
    hidden = hide(shape, firsts, (6, 6, 6), channels=[0, 1, 2], fill=[0.0, 0.5, -2.0])
    volume = torch.randn(3, *shape, dtype=dtype)
    fast, slow = both(net, volume, hidden, batch_size=5)
    assert (fast - slow).abs().max() < TOLERANCE[dtype]
    with torch.no_grad():
        effect = (slow - net(volume[None])).abs().max(dim=1).values
    assert effect.min() > 1e-4  # each cube does something that could have been missed


OPTIONS = [
    {"network": "local", "width": 0.5, "thresholds": [0.5, 1.5, -1.0], "dropout": 0.3},
    {"network": "local", "width": 0.5, "stem_stride": 2, "pooling": "mean", "stem_kernel": 5},
    {"width": 0.125, "thresholds": [1.0], "pooling": "generalised_mean", "stem_kernel": 3},
]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_thresholds_and_the_generalised_mean(options, dtype):
    shape = (19, 22, 17)
    net = rice_net(2, **options).to(dtype)
    firsts = list(itertools.product(*[(0, 4, n - 6) for n in shape]))
    hidden = hide(shape, firsts, (6, 6, 6), channels=[0, 1], fill=[3.0, 9.0])
    volume = torch.randn(2, *shape, dtype=dtype)
    fast, slow = both(net, volume, hidden, batch_size=5)
    assert fast.dtype == dtype and (fast - slow).abs().max() < TOLERANCE[dtype]
    with torch.no_grad():
        effect = (slow - net(volume[None])).abs().max(dim=1).values
    assert effect.median() > 2 * TOLERANCE[dtype]  # what could have been missed


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"network": "local", "pooling": "top_k"}, "layer pool pools the largest voxels"),
        ({"norm": "instance", "width": 0.125}, r"layer bn1 \(InstanceNorm\) is not known"),
    ],
)
def test_what_is_not_local_is_named(options, why):
    with pytest.raises(NotLocalError, match=why):
        local_network(rice_net(1, **options))


def test_a_hidden_box_changes_its_own_channels_only():
    net, shape = rice_net(3, stem_stride=2, width=0.125), (16, 18, 20)
    volume = torch.randn(3, *shape)
    hidden = hide(shape, [(3, 2, 5)], (6, 6, 6), channels=[2], fill=[1.5])
    by_hand = volume.clone()
    by_hand[2, 3:9, 2:8, 5:11] = 1.5
    with torch.no_grad():
        expected = net(by_hand[None])
    for outputs in both(net, volume, hidden, batch_size=1):
        torch.testing.assert_close(outputs, expected, atol=1e-6, rtol=0)


def test_volume_and_clean_activations_stay_clean():
    net, shape = rice_net(2, stem_stride=2, width=0.125), (16, 16, 16)
    volume = torch.randn(2, *shape)
    before = volume.clone()
    hidden = hide(shape, [(0, 0, 0), (8, 8, 8)] * 3, (8, 8, 8), channels=[0, 1], fill=[0.0, 0.0])
    fast, _ = both(net, volume, hidden, batch_size=1)
    torch.testing.assert_close(volume, before, atol=0, rtol=0)
    for place in range(0, 6, 2):
        torch.testing.assert_close(fast[place], fast[0], atol=0, rtol=0)


def test_only_activations_that_are_read_again_are_kept():
    # for ResNet18: inputs of the 20 convolutions and the pooling, less those that are the same
    # one (the downsampling branches read what the blocks read), and the last one
    net, shape = local_network(rice_net(2, stem_stride=1, width=0.125)), (24, 24, 24)
    hidden = hide(shape, [(8, 8, 8)], (4, 4, 4), channels=[0], fill=[0.0])
    boxes = changed_boxes(net, hidden.boxes)
    clean = clean_activations(net, torch.randn(2, *shape), boxes)
    convolutions = {n for layer in net.layers for n in layer.inputs if max(layer.window.kernel) > 1}
    assert set(clean) == convolutions | {net.last} and len(clean) == 19


def peak_bytes(work):
    """Most bytes that torch held at once, beyond what it held before."""
    with torch.profiler.profile(profile_memory=True) as profiled:
        work()
    events = [e for e in profiled.profiler.kineto_results.events() if e.name() == "[memory]"]
    steps = [e.nbytes() for e in sorted(events, key=lambda e: e.start_ns())]
    return max(itertools.accumulate(steps))


def test_the_batch_size_bounds_the_memory():
    net, shape = local_network(rice_net(2, stem_stride=1, width=0.125)), (40, 40, 40)
    firsts = list(itertools.product(*[(0, 8, 16, 24)] * 3))  # 64 cubes
    hidden = hide(shape, firsts, (8, 8, 8), channels=[0, 1], fill=[0.0, 0.0])
    boxes, volume = changed_boxes(net, hidden.boxes), torch.randn(2, *shape)
    clean = peak_bytes(lambda: clean_activations(net, volume, boxes))
    peaks = {
        size: peak_bytes(lambda size=size: list(incremental(net, volume, hidden, batch_size=size)))
        for size in (1, 16, 64)
    }
    # one cube's boxes fit beside the clean pass; many cubes take as much more as they are more
    assert peaks[1] < 1.05 * clean
    assert peaks[64] > 2 * clean
    assert peaks[16] < 16 / 64 * peaks[64] + clean


def test_boxes_are_small_at_first_and_grow():
    net = local_network(rice_net(1, stem_stride=1, width=0.125))
    hidden = hide((96,) * 3, [(40, 40, 40)], (16, 16, 16), channels=[0], fill=[0.0])
    boxes = changed_boxes(net, hidden.boxes)
    widths = {name: int((b.last - b.first + 1)[0, 0]) for name, b in boxes.items()}
    # 7 taps reach 3 voxels further on each side; then halves, and 3 taps four times
    assert (widths["conv1"], widths["maxpool"]) == (22, 12)
    assert (widths["layer1_0_conv1"], widths["layer1_1_conv2"]) == (14, 20)
