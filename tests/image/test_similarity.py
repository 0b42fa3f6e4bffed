"""similarity: one person in two scans, and other persons of the same anatomy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage
from scipy.spatial.transform import Rotation

from ricenet.image import similarity

SPACING = (3.0, 3.0, 3.0)
SHAPE = (60, 70, 56)
TURN_DEG, SHIFT_VOXELS = (5.0, -4.0, 6.0), (2.0, -1.5, 1.0)


def person(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Ventricles and a gradient that all have, and folds of one's own; brain mask."""
    axes = [np.linspace(-1, 1, n) for n in SHAPE]
    x, y, z = np.meshgrid(*axes, indexing="ij")
    mask = (x / 0.75) ** 2 + (y / 0.8) ** 2 + (z / 0.78) ** 2 < 1
    common = 2.0 * np.exp(-((x / 0.2) ** 2 + (y / 0.4) ** 2 + (z / 0.3) ** 2)) + z
    own = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=SHAPE), 1.5)
    return np.where(mask, common + 2.5 * own / own.std() * 0.3, 0), mask


def rescanned(image: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The same brain turned, shifted, noisy, with another contrast."""
    matrix = Rotation.from_euler("xyz", TURN_DEG, degrees=True).as_matrix()
    centre = (np.array(SHAPE) - 1) / 2
    offset = centre - matrix @ (centre + np.array(SHIFT_VOXELS))
    moved = ndimage.affine_transform(image, matrix, offset, order=3)
    inside = ndimage.affine_transform(mask.astype(float), matrix, offset, order=1) > 0.5
    noise = np.random.default_rng(99).normal(size=SHAPE) * 0.2
    bright = np.sign(moved) * np.abs(moved) ** 0.8
    return np.where(inside, 100 * (bright + noise) + 300, 0), inside


@pytest.fixture(scope="module")
def brains() -> list[similarity.Brain]:
    scans = [person(seed) for seed in range(4)]
    scans.append(rescanned(*person(1)))
    return [similarity.prepared(*scan, SPACING) for scan in scans]


def test_the_same_person_is_found_among_others(brains: list[similarity.Brain]) -> None:
    coarse, poses = similarity.coarse_scores(brains)
    assert (coarse == coarse.T).all() and (np.diag(coarse) == 0).all()
    assert int(np.argmax(coarse[1])) == 4
    same = similarity.refined(brains[1], brains[4], poses[1, 4])
    others = [similarity.refined(brains[i], brains[4], poses[i, 4]) for i in (0, 2)]
    assert same > 0.9 and max(others) < 0.7


def test_an_image_is_most_like_itself(brains: list[similarity.Brain]) -> None:
    assert similarity.refined(brains[0], brains[0], np.zeros(6)) == pytest.approx(1, abs=1e-3)
    scaled = similarity.prepared(*((10 * person(0)[0] + 5), person(0)[1]), SPACING)
    assert float((scaled.fine * brains[0].fine).sum()) == pytest.approx(1, abs=1e-3)


def test_finer_voxels_of_the_same_brain_make_no_difference() -> None:
    """1 mm is thinned out to 2 mm, in the middle of whose voxels its own do not lie."""
    image, mask = (ndimage.zoom(a.astype(float)[10:50, 10:60, 8:48], 3, order=1) for a in person(2))
    fine = similarity.prepared(image, mask > 0.5, (1.0, 1.0, 1.0))
    thin = similarity.prepared(
        image[1::2, 1::2, 1::2], mask[1::2, 1::2, 1::2] > 0.5, (2.0, 2.0, 2.0)
    )
    assert similarity.refined(fine, thin, np.zeros(6)) > 0.97


def test_a_turn_and_its_inverse_cancel() -> None:
    grid = ndimage.gaussian_filter(np.random.default_rng(0).normal(size=(30, 30, 30)), 3)
    there = similarity.turned(grid, (0, 0, 8), (1, 0, 0))
    back = similarity.turned(similarity.turned(there, (0, 0, 0), (-1, 0, 0)), (0, 0, -8))
    inner = (slice(8, 22),) * 3
    assert np.corrcoef(back[inner].ravel(), grid[inner].ravel())[0, 1] > 0.98


def test_an_even_image_is_like_nothing() -> None:
    mask = person(0)[1]
    even = similarity.prepared(mask.astype(float), mask, SPACING)
    coarse, _ = similarity.coarse_scores([even, similarity.prepared(*person(0), SPACING)])
    assert np.isfinite(coarse).all() and coarse[0, 1] < 0.5
