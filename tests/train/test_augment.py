import numpy as np
import pytest
import torch
from scipy.interpolate import RegularGridInterpolator
from scipy.ndimage import center_of_mass, map_coordinates
from scipy.spatial.transform import Rotation

from fake_cohort import AUGMENTATION, CHANNELS, SHAPE, brain
from ricenet.config.train import Augmentation
from ricenet.train import augment

KINDS = tuple(CHANNELS.values())
PLACES = (0, 1, 2)
SPACING = 1.5
OFF = dict.fromkeys(AUGMENTATION, 0.0) | {"probability": 1.0, "elastic_spacing_mm": 7.0}


def setup(places=PLACES, kinds=KINDS, **changes):
    return augment.Setup(SHAPE, SPACING, kinds, places, Augmentation(**(OFF | changes)))


def drawn(seed, **changes):
    return augment.draw(seed, setup(**changes))


def applied(batch, draws, places=PLACES):
    return augment.apply(batch, draws, setup(places))


@pytest.fixture
def batch():
    rng = np.random.default_rng(3)
    data = rng.standard_normal((4, 3, *SHAPE)) * brain()
    data[:, 2] = np.abs(data[:, 2])
    return torch.from_numpy(data.astype(np.float32))


def reference(volume, sample):
    """Slow float64 formula, one voxel's source position in mm after the other's."""
    shape = np.array(volume.shape)
    centre = (shape - 1) / 2
    positions = (np.indices(volume.shape).reshape(3, -1).T - centre) * SPACING  # (V, 3) mm
    turn = Rotation.from_euler("xyz", sample.angles_rad).inv()  # extrinsic: X, then Y, then Z
    source = turn.apply(positions) / sample.scale
    knots = [
        np.linspace(-c * SPACING, c * SPACING, n)
        for c, n in zip(centre, sample.displacement_mm.shape[1:], strict=True)
    ]
    for axis in range(3):
        source[:, axis] += RegularGridInterpolator(knots, sample.displacement_mm[axis])(positions)
    voxels = (source / SPACING + centre).T
    found = map_coordinates(volume.astype(np.float64), voxels, order=1, mode="grid-constant")
    return found.reshape(volume.shape)


@pytest.mark.parametrize(
    "ranges",
    [
        {"rotation_deg": 30.0},
        {"scaling": 0.3},
        {"elastic_mm": 2.0},
        {"rotation_deg": 30.0, "scaling": 0.3, "elastic_mm": 2.0},
    ],
    ids=["rotation", "scaling", "elastic", "all"],
)
def test_warp_is_the_slow_formula(batch, ranges):
    draws = [drawn(seed, **ranges) for seed in range(4)]
    found = applied(batch, draws).numpy()
    assert np.abs(found - batch.numpy()).max() > 0.5
    for i, sample in enumerate(draws):
        for c in range(3):
            expected = reference(batch[i, c].numpy(), sample)
            np.testing.assert_allclose(found[i, c], expected, atol=2e-4)


def test_rotation_turns_x_towards_y_and_scaling_enlarges():
    volume = torch.zeros(1, 3, 21, 21, 21)
    volume[0, :, 15:18, 9:12, 9:12] = 1  # on the +X axis, 6 voxels from the centre
    still = drawn(0)
    turned = still._replace(angles_rad=np.array([0, 0, np.pi / 2]))
    grown = still._replace(scale=1.25)
    np.testing.assert_allclose(
        center_of_mass(applied(volume, [turned])[0, 0].numpy()), [10, 16, 10], atol=0.01
    )
    found = applied(volume, [grown])[0, 0]
    np.testing.assert_allclose(center_of_mass(found.numpy()), [17.5, 10, 10], atol=0.05)


def test_all_channels_share_the_grid(batch):
    batch[:, 1] = batch[:, 0]
    batch[:, 2] = batch[:, 0]
    draws = [drawn(s, rotation_deg=30.0, scaling=0.2, elastic_mm=2.0) for s in range(4)]
    found = applied(batch, draws)
    assert torch.equal(found[:, 0], found[:, 1]) and torch.equal(found[:, 0], found[:, 2])


def test_the_dose_is_moved_but_never_recoloured(batch):
    colours = {"noise": 0.5, "brightness": 0.5, "gamma": 0.5}
    still = applied(batch, [drawn(s, **colours) for s in range(4)])
    assert torch.equal(still[:, 2], batch[:, 2])
    assert not torch.equal(still[:, 0], batch[:, 0])
    moves = {"rotation_deg": 30.0, "scaling": 0.3, "elastic_mm": 2.0}
    moved = applied(batch, [drawn(s, **colours, **moves) for s in range(4)])[:, 2]
    assert moved.min() >= 0
    assert moved.amax() <= batch[:, 2].amax() * (1 + 1e-6)


def test_a_uniform_dose_keeps_its_value_inside():
    dose = torch.full((1, 1, *SHAPE), 0.75)
    sample = drawn(1, rotation_deg=20.0, elastic_mm=1.0)
    found = applied(dose, [sample], places=(2,))[0, 0]
    torch.testing.assert_close(found[6:-6, 6:-6, 6:-6], dose[0, 0, 6:-6, 6:-6, 6:-6])


def test_alone_or_in_a_batch_is_bit_equal(batch):
    ranges = AUGMENTATION | {"probability": 0.7}
    draws = [drawn(seed, **ranges) for seed in range(4)]
    together = applied(batch, draws)
    for i in range(4):
        assert torch.equal(together[i], applied(batch[i : i + 1], draws[i : i + 1])[0]), i
    backwards = applied(batch.flip(0), draws[::-1])
    assert torch.equal(together, backwards.flip(0))


def test_a_channel_is_changed_alike_in_every_ablation(batch):
    draws = [drawn(seed, **AUGMENTATION) for seed in range(4)]
    whole = applied(batch, draws)
    assert torch.equal(applied(batch[:, [1]], draws, places=(1,)), whole[:, [1]])
    assert torch.equal(applied(batch[:, [1, 2]], draws, places=(1, 2)), whole[:, [1, 2]])


def test_probability_0_is_the_identity_bit_by_bit(batch):
    ranges = AUGMENTATION | {"probability": 0.0}
    assert torch.equal(applied(batch, [drawn(s, **ranges) for s in range(4)]), batch)


def test_the_input_is_left_alone(batch):
    before = batch.clone()
    applied(batch, [drawn(s, **AUGMENTATION) for s in range(4)])
    assert torch.equal(before, batch)


def test_background_stays_0(batch):
    colours = {"noise": 0.5, "brightness": 0.5, "gamma": 0.5}
    found = applied(batch, [drawn(s, **colours) for s in range(4)])
    assert torch.equal(found != 0, batch != 0)


def test_an_empty_channel_stays_empty():
    empty = torch.zeros(1, 3, *SHAPE)
    assert torch.equal(applied(empty, [drawn(2, **AUGMENTATION | {"probability": 1.0})]), empty)


def recoloured(volume, sample, k):
    """Noise, brightness, gamma as float64 array formulas; the noise itself is torch's."""
    x, inside = volume.astype(np.float64), volume != 0
    generator = torch.Generator().manual_seed(sample.noise_seeds[k])
    noise = torch.empty(volume.shape).normal_(std=float(sample.noise[k]), generator=generator)
    x = (x + noise.numpy()) * inside * sample.brightness[k]
    low, high = x[inside].min(), x[inside].max()
    x = ((x - low) / (high - low)) ** sample.gamma[k] * (high - low) + low
    return x * inside


@pytest.mark.parametrize(
    "ranges",
    [{"noise": 0.4}, {"brightness": 0.4}, {"gamma": 0.5}, AUGMENTATION | {"probability": 1.0}],
    ids=["noise", "brightness", "gamma", "all six"],
)
def test_every_transform_is_the_slow_formula(batch, ranges):
    draws = [drawn(seed, **ranges) for seed in range(4)]
    found = applied(batch, draws).numpy()
    for i, sample in enumerate(draws):
        for k in (0, 1):
            moved = batch[i, k].numpy().copy()
            if sample.scale != 1:
                moved = reference(moved, sample)
            # a voxel that float32 rounds to exactly 0 is background: none, but for the warp's rim
            moved[np.abs(moved) < 1e-6] = 0
            expected = recoloured(moved, sample, k)
            assert np.abs(expected - moved).max() > 1e-3
            close = np.isclose(found[i, k], expected, atol=5e-4)
            assert (~close).sum() <= (2 if sample.scale != 1 else 0)


def test_noise_has_the_drawn_deviation(batch):
    volume = batch[0, 0].clone()
    augment.change_intensity(volume, noise=0.3, brightness=1.0, gamma=1.0, seed=5)
    added = (volume - batch[0, 0])[torch.from_numpy(brain())]
    assert abs(added.std().item() - 0.3) < 0.02 and abs(added.mean().item()) < 0.03


def test_upsampling_is_the_trilinear_one():
    lattice = torch.randn(3, 2, 4, 5, generator=torch.Generator().manual_seed(0))
    expected = torch.nn.functional.interpolate(
        lattice[None].double(), SHAPE, mode="trilinear", align_corners=True
    )[0]
    torch.testing.assert_close(
        augment.upsample(lattice, SHAPE).double(), expected, atol=1e-6, rtol=0
    )


def test_draws_fill_their_ranges():
    draws = [drawn(seed, **AUGMENTATION) for seed in range(400)]
    angles = np.rad2deg([d.angles_rad for d in draws])
    scales = np.array([d.scale for d in draws])
    noises = np.array([d.noise for d in draws])
    assert 9 < np.abs(angles).max() <= 10 and 0.09 < np.abs(scales - 1).max() <= 0.1
    assert noises.min() == 0 and 0.09 < noises[:, 0].max() <= 0.1 and (noises[:, 2] == 0).all()
    for changed in (angles.any(1), scales != 1, noises.any(1)):
        assert 0.42 < changed.mean() < 0.58  # probability 0.5, 400 draws: 3 deviations
    displacement = np.concatenate([d.displacement_mm.ravel() for d in draws])
    assert abs(displacement[displacement != 0].std() - AUGMENTATION["elastic_mm"]) < 0.02


def test_control_points_are_at_most_the_spacing_apart():
    assert augment.lattice_shape((224, 224, 9), spacing_mm=1.0, elastic_spacing_mm=32.0) == (
        8,
        8,
        2,
    )


def test_mirroring_exchanges_left_and_right_of_all_channels_and_shifts_no_other_draw(batch):
    only = {"probability": 0.0, "mirror": 1.0}
    found = applied(batch, [drawn(seed, **only) for seed in range(len(batch))])
    np.testing.assert_array_equal(found, batch.numpy()[:, :, ::-1])
    some = [drawn(seed, mirror=0.3) for seed in range(2000)]
    share = np.mean([sample.mirrored for sample in some])
    assert abs(share - 0.3) < 4 * np.sqrt(0.3 * 0.7 / 2000)
    for seed in range(20):
        plain = drawn(seed, mirror=0.0)
        assert not plain.mirrored
        for one, other in zip(plain[:-1], some[seed][:-1], strict=True):
            np.testing.assert_array_equal(one, other)
