import numpy as np
import pytest
import torch

from ricenet import occlusion


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


def run(weights, volume, brain, *, cube=3, stride=2, batch_size=4, fill=(0.0, 0.0), said=None):
    models = [Linear(w).eval() for w in weights]
    said = [] if said is None else said
    return occlusion.occlusion_map(
        models, torch.from_numpy(volume).float(), brain,
        cube=cube, stride=stride, batch_size=batch_size, fill=fill,
        progress=lambda done, cubes: said.append((done, cubes)),
    )  # fmt: skip


def naive(weights, volume, brain, *, cube, stride, fill):
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
                for c in range(len(volume)):
                    hidden[c, x : x + cube, y : y + cube, z : z + cube] = fill[c]
                total[x : x + cube, y : y + cube, z : z + cube] += sign * (clean - ensemble(hidden))
                count[x : x + cube, y : y + cube, z : z + cube] += 1
    return np.where(brain & (count > 0), total / np.maximum(count, 1), 0), int(sign > 0), cubes


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(("cube", "stride"), [(3, 2), (1, 1), (4, 4), (2, 1)])
@pytest.mark.parametrize("fill", [(0.0, 0.0), (0.5, -2.0)])
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
    assert said[-1] == (found.cubes, found.cubes) and len(said) == -(-found.cubes // 4)


def test_zero_outside_the_brain(case):
    found = run(*case)
    assert (found.change[~case[2]] == 0).all() and (found.change[case[2]] != 0).all()


def test_training_mode_is_refused(case):
    weights, volume, brain = case
    models = [Linear(weights[0]).train()]
    with pytest.raises(ValueError, match="training mode"):
        occlusion.occlusion_map(
            models, torch.from_numpy(volume).float(), brain,
            cube=2, stride=1, batch_size=1, fill=(0.0, 0.0), progress=lambda *_: None,
        )  # fmt: skip


@pytest.mark.parametrize(("cube", "stride"), [(8, 1), (2, 3), (0, 0), (2, 0)])
def test_cubes_that_do_not_fit_are_refused(case, cube, stride):
    with pytest.raises(ValueError, match="cube_mm"):
        run(*case, cube=cube, stride=stride)
