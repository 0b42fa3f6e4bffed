"""What became brighter is found; what was dark or moved with the coil is not."""

import numpy as np
import pytest

from ricenet.image.enhancement import local_change, new_enhancement

SHAPE = (40, 44, 36)


@pytest.fixture
def scans():
    rng = np.random.default_rng(0)
    axes = np.meshgrid(*[np.linspace(-1, 1, n) for n in SHAPE], indexing="ij")
    brain = sum(a**2 for a in axes) < 0.85
    anatomy = 0.8 * np.sin(7 * axes[0]) * np.cos(5 * axes[1])
    before, after = (anatomy + 0.2 * rng.standard_normal(SHAPE) for _ in range(2))
    after += 0.6 * axes[1] * axes[2]  # another coil
    lesion, cavity = np.zeros(SHAPE, bool), np.zeros(SHAPE, bool)
    lesion[24:30, 20:26, 14:20] = cavity[10:16, 20:26, 14:20] = True
    after[lesion] += 3
    before[cavity] -= 4  # dark before, ordinary now
    after[cavity] = before[cavity] + 3.5
    return tuple(np.where(brain, x, 0) for x in (after, before)), brain, lesion, cavity


def test_lesion_is_found_and_a_filled_cavity_is_not(scans):
    (after, before), brain, lesion, cavity = scans
    found = new_enhancement(after, before, brain, spacing_mm=(1.0, 1.0, 1.0))
    assert found[lesion].mean() > 0.8
    assert found[cavity & (after < 0)].sum() == 0
    assert (found & ~lesion & ~cavity).sum() < 0.5 * lesion.sum()
    assert not found[~brain].any()


def test_nothing_new_is_hardly_anything(scans):
    (_, before), brain, _, _ = scans
    noise = np.where(brain, 0.2 * np.random.default_rng(1).standard_normal(SHAPE), 0)
    found = new_enhancement(before + noise, before, brain, spacing_mm=(1.0, 1.0, 1.0))
    assert found.sum() < 1e-4 * brain.sum()


def test_smoothing_is_in_mm(scans):
    (after, before), brain, *_ = scans
    fine, coarse = (
        new_enhancement(after, before, brain, spacing_mm=(s, s, s)).sum() for s in (0.3, 3.0)
    )
    assert fine != coarse


def test_coil_shading_is_removed(scans):
    (_, before), brain, *_ = scans
    axes = np.meshgrid(*[np.linspace(-1, 1, n) for n in SHAPE], indexing="ij")
    shading = np.where(brain, 1.5 * axes[0] * axes[1] ** 2, 0)
    assert np.abs(local_change(before + shading, before, brain)[brain]).max() < 1e-3
