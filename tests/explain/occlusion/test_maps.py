import numpy as np
import pytest
import torch

from random_networks import rice_net
from ricenet.explain.occlusion.maps import occlusion_map


class Linear(torch.nn.Module):
    """Logits (0, <weight, volume>): the softmax is a logistic function, known by hand."""

    def __init__(self, weight):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.as_tensor(weight, dtype=torch.float32))

    def forward(self, batch):
        logit = (batch * self.weight).sum(dim=(1, 2, 3, 4))
        return torch.stack([torch.zeros_like(logit), logit], dim=1)


SHAPE = (7, 9, 8)


@pytest.fixture
def case():
    rng = np.random.default_rng(1)
    weights = [0.05 * rng.standard_normal((2, *SHAPE)) for _ in range(3)]
    brain = np.zeros(SHAPE, bool)
    brain[2:5, 3:8, 1:4] = True
    return weights, rng.standard_normal((2, *SHAPE)), brain


def run(
    weights, volume, brain, *, cube=3, stride=2, batch_size=4, fill=(0.0, 0.0), channels=None,
    said=None,
):  # fmt: skip
    models = [Linear(w).eval() for w in weights]
    return run_models(
        models, torch.from_numpy(volume).float(), brain, cube=cube, stride=stride,
        batch_size=batch_size, fill=fill, channels=channels, said=said,
    )  # fmt: skip


def run_models(models, volume, brain, *, cube, stride, batch_size, fill, channels=None, said=None):
    said = [] if said is None else said
    return occlusion_map(
        models, volume, brain, cube=cube, stride=stride, batch_size=batch_size, fill=fill,
        precision="fp32", channels=range(len(volume)) if channels is None else channels,
        progress=lambda done, cubes: said.append((done, cubes)),
    )  # fmt: skip


def naive(weights, volume, brain, *, cube, stride, fill, channels=(0, 1)):
    """Float64, one cube and one voxel after the other."""

    def ensemble(x):
        return np.mean([1 / (1 + np.exp(-(w * x).sum())) for w in weights])

    clean = ensemble(volume)
    sign = 1 if clean > 0.5 else -1
    starts = []
    for n in volume.shape[1:]:
        axis = list(range(0, n - cube + 1, stride))
        if axis[-1] != n - cube:
            axis.append(n - cube)
        starts.append(axis)
    total, count, cubes = np.zeros(brain.shape), np.zeros(brain.shape), 0
    for x in starts[0]:
        for y in starts[1]:
            for z in starts[2]:
                if not brain[x : x + cube, y : y + cube, z : z + cube].any():
                    continue
                cubes += 1
                hidden = volume.copy()
                for c in channels:
                    box = hidden[c, x : x + cube, y : y + cube, z : z + cube]
                    box[:] = box.mean() if fill[c] is None else fill[c]
                total[x : x + cube, y : y + cube, z : z + cube] += sign * (clean - ensemble(hidden))
                count[x : x + cube, y : y + cube, z : z + cube] += 1
    return np.where(brain & (count > 0), total / np.maximum(count, 1), 0), int(sign > 0), cubes


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(("cube", "stride"), [(3, 2), (1, 1), (4, 4), (2, 1)])
@pytest.mark.parametrize("fill", [(0.0, 0.0), (0.5, -2.0), (0.5, None)])
def test_is_the_naive_loop(case, sign, cube, stride, fill):
    weights, volume, brain = case
    volume = sign * volume
    found = run(weights, volume, brain, cube=cube, stride=stride, fill=fill)
    expected, predicted, cubes = naive(weights, volume, brain, cube=cube, stride=stride, fill=fill)
    assert (found.predicted, found.cubes) == (predicted, cubes)
    np.testing.assert_allclose(found.change, expected, atol=1e-6)
    assert np.abs(expected).max() > 1e-3


def test_both_signs_predict_different_classes(case):
    weights, volume, brain = case
    classes = {run(weights, s * volume, brain).predicted for s in (1, -1)}
    assert classes == {0, 1}


def test_peak_is_where_the_network_looks():
    weight, volume = np.zeros((1, *SHAPE)), np.ones((1, *SHAPE))
    weight[0, 4, 5, 2] = 3.0
    found = run([weight], volume, np.ones(SHAPE, bool), cube=1, stride=1, fill=(0.0,))
    assert np.unravel_index(found.change.argmax(), SHAPE) == (4, 5, 2)
    assert np.count_nonzero(found.change) == 1
    # logistic(3) - logistic(0)
    assert found.change.max() == pytest.approx(1 / (1 + np.exp(-3)) - 0.5, abs=1e-6)
    assert found.predicted == 1


def test_cubes_hide_all_channels_at_once():
    # either channel suffices: hiding one alone would change the sum by half only
    weight, volume = np.zeros((2, *SHAPE)), np.ones((2, *SHAPE))
    weight[:, 3, 3, 3] = 1.0
    found = run([weight], volume, np.ones(SHAPE, bool), cube=1, stride=1)
    assert found.change[3, 3, 3] == pytest.approx(1 / (1 + np.exp(-2)) - 0.5, abs=1e-6)


def test_clean_probabilities_are_of_each_model(case):
    weights, volume, brain = case
    found = run(weights, volume, brain)
    expected = [1 / (1 + np.exp(-(w * volume).sum())) for w in weights]
    np.testing.assert_allclose(found.clean[:, 1], expected, atol=1e-6)


def test_batch_size_changes_nothing(case):
    a, b = (run(*case, batch_size=size) for size in (1, 1000))
    np.testing.assert_allclose(a.change, b.change, atol=1e-7)


def test_progress_reaches_the_end(case):
    said = []
    found = run(*case, said=said)
    forwards = 3 * found.cubes
    assert said[-1] == (forwards, forwards) and len(said) == 3 * -(-found.cubes // 4)


def test_zero_outside_the_brain(case):
    found = run(*case)
    assert (found.change[~case[2]] == 0).all() and (found.change[case[2]] != 0).all()


def test_training_mode_is_refused(case):
    weights, volume, brain = case
    models = [Linear(weights[0]).train()]
    with pytest.raises(ValueError, match="training mode"):
        run_models(
            models, torch.from_numpy(volume).float(), brain,
            cube=2, stride=1, batch_size=1, fill=(0.0, 0.0),
        )  # fmt: skip


@pytest.mark.parametrize(("cube", "stride"), [(8, 1), (2, 3), (0, 0), (2, 0)])
def test_cubes_that_do_not_fit_are_refused(case, cube, stride):
    with pytest.raises(ValueError, match="cube_mm"):
        run(*case, cube=cube, stride=stride)


@pytest.mark.parametrize("channel", [0, 1])
def test_one_channel_alone(case, channel):
    weights, volume, brain = case
    settings = {"cube": 3, "stride": 2, "fill": (0.5, -2.0), "channels": [channel]}
    found = run(weights, volume, brain, **settings)
    expected, *_ = naive(weights, volume, brain, **settings)
    np.testing.assert_allclose(found.change, expected, atol=1e-6)
    assert np.abs(expected).max() > 1e-3


def test_a_network_that_is_not_local_takes_whole_passes_and_says_so(case):
    assert "global average" in run(*case).whole_because


SMALL = {"cube": 6, "stride": 4, "batch_size": 5, "fill": (0.0, 0.3)}


@pytest.fixture(scope="module")
def head():
    """Two channels that are 0 and 0.3, the fill values, outside a small brain.

    The second one has its fill value in a part of the brain, too.
    """
    torch.manual_seed(3)
    brain = np.zeros((17, 20, 18), bool)
    brain[4:10, 5:12, 3:11] = True
    outside = torch.tensor([0.0, 0.3])[:, None, None, None]
    volume = torch.where(torch.from_numpy(brain), torch.randn(2, *brain.shape), outside)
    volume[1, :, :, 6:] = 0.3
    return volume, brain


def test_whole_passes_agree(head):
    local = [rice_net(2, stem_stride=2, width=0.125, seed=s) for s in (1, 2)]
    same = [rice_net(2, stem_stride=2, width=0.125, seed=s) for s in (1, 2)]
    for network in same:
        network.fc.register_forward_hook(lambda *_: None)  # does nothing, but might
        network.bn1.register_forward_hook(lambda *_: None)
    fast, slow = run_models(local, *head, **SMALL), run_models(same, *head, **SMALL)
    assert fast.whole_because == "" and "hooks" in slow.whole_because
    np.testing.assert_allclose(fast.hidden, slow.hidden, atol=1e-6)
    np.testing.assert_allclose(fast.change, slow.change, atol=1e-6)
    assert np.abs(fast.change).max() > 1e-4 and fast.hidden.shape == (2, fast.cubes, 2)
    for corner, found in zip(fast.places, fast.hidden[0], strict=True):
        volume, (x, y, z) = head[0].clone(), corner
        volume[0, x : x + 6, y : y + 6, z : z + 6] = 0.0
        volume[1, x : x + 6, y : y + 6, z : z + 6] = 0.3
        with torch.no_grad():
            expected = torch.softmax(local[0](volume[None]), dim=1)[0]
        np.testing.assert_allclose(found, expected, atol=1e-6)


def test_cubes_that_change_nothing_are_skipped_exactly(head):
    volume, brain = head
    said, network = [], rice_net(2, stem_stride=2, width=0.125)
    everywhere = np.ones_like(brain)
    found = run_models([network], volume, everywhere, **SMALL, said=said)
    near = np.array([brain[x : x + 6, y : y + 6, z : z + 6].any() for x, y, z in found.places])
    assert found.skipped == (~near).sum() > 10
    assert said[-1] == (near.sum(), near.sum())
    np.testing.assert_array_equal(found.hidden[0, ~near], found.clean.repeat((~near).sum(), axis=0))
    assert (found.hidden[0, near] != found.clean).any(axis=1).all()


def test_nothing_to_hide(head):
    volume, brain = head
    found = run_models(
        [rice_net(2, stem_stride=2, width=0.125)], torch.zeros_like(volume), brain,
        **SMALL | {"fill": (0.0, 0.0)},
    )  # fmt: skip
    assert (found.change == 0).all() and found.skipped == found.cubes
