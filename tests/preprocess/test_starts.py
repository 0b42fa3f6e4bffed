"""starts: the measure against a naive formula, and poses of a made head, found from afar."""

from __future__ import annotations

from math import log

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from grids import rigid
from registrations import moved
from ricenet.image.volume import Volume
from ricenet.preprocess import starts


def entropy(values) -> float:
    _, counts = np.unique(values, axis=0, return_counts=True)
    return -sum(n / len(values) * log(n / len(values)) for n in counts)


def test_normalised_mutual_information_against_counting() -> None:
    rng = np.random.default_rng(2)
    a = rng.integers(0, starts.BINS, 4000)
    b = (a // 3 + rng.integers(0, 4, 4000)).astype(float)  # whole numbers: each in one bin
    expected = (entropy(a) + entropy(b)) / entropy(np.c_[a, b])
    assert starts.normalised_mutual_information(a, b) == pytest.approx(expected, abs=1e-12)
    assert starts.normalised_mutual_information(a, a.astype(float)) == pytest.approx(2)
    assert starts.normalised_mutual_information(a * 0, b * 0) == 1


def test_every_turn_has_a_tried_one_near_it() -> None:
    """Up to 45 degrees about each axis, one after the other; all of 80 degrees at most."""
    tried = Rotation.from_rotvec(starts.rotations(), degrees=True)
    rng = np.random.default_rng(4)
    wanted = Rotation.from_euler("xyz", rng.uniform(-45, 45, (500, 3)), degrees=True)
    nearest = [np.degrees((tried * one.inv()).magnitude().min()) for one in wanted]
    assert max(nearest) < 32 and np.mean(nearest) < 18


def head(pose: np.ndarray, *, shape=(48, 50, 46), mm: float = 5.0, gamma: float = 1.0) -> Volume:
    """A lopsided head in air: an ellipsoid shell, a brain, a nose, a cavity; moved by ``pose``."""
    affine = pose @ rigid((0, 0, 0), (-mm * 23, -mm * 24, -mm * 22)) @ np.diag([mm, mm, mm, 1])
    points = moved(np.linalg.inv(pose) @ affine, np.indices(shape).reshape(3, -1).T)
    data = np.zeros(len(points))
    for centre, radii, value in [
        ((0, 0, 0), (75, 95, 85), 900), ((0, 0, 0), (69, 89, 79), 30),
        ((0, -2, 3), (63, 80, 70), 400),
        ((0, 100, -25), (12, 14, 18), 900), ((25, 30, 20), (18, 15, 14), 100),
        ((-20, -60, -50), (30, 20, 20), 250), ((0, 30, -80), (40, 35, 45), 700),
    ]:  # fmt: skip
        data[(((points - centre) / radii) ** 2).sum(1) < 1] = value
    data = 900 * (data / 900) ** gamma + np.random.default_rng(5).rayleigh(15, len(data))
    return Volume(data.reshape(shape).astype(np.float32), affine)


FAR = [
    ((0, 0, 0), (0, 0, 0)),
    ((45, 0, 0), (80, 0, 0)),
    ((-40, 45, 40), (-30, 60, 45)),
    ((38, -45, 45), (50, 50, -38)),
]


@pytest.mark.parametrize(("degrees", "shift_mm"), FAR)
def test_pose_is_found_from_afar(degrees, shift_mm) -> None:
    """Another contrast, a tenth of the field of view cut off; points of the brain to 2 mm."""
    pose = rigid(degrees, shift_mm)
    fixed, moving = head(np.eye(4)), head(pose, gamma=0.6)
    moving = Volume(moving.data[:, :, 5:], moving.affine @ rigid((0, 0, 0), (0, 0, 5)))
    found = starts.best_pose(fixed, moving, evaluations=(300, 100))
    points = np.random.default_rng(0).uniform(-55, 55, (200, 3))
    error = np.linalg.norm(moved(found, points) - moved(pose, points), axis=1)
    print(f"{error.mean():.2f} mm, worst {error.max():.2f}")
    assert error.max() < 2.5


def test_the_same_images_give_the_same_bits() -> None:
    images = head(np.eye(4), mm=8.0, shape=(30, 32, 29)), head(rigid((9, 0, 20), (9, 5, 0)), mm=8.0)
    first, second = (starts.best_pose(*images, evaluations=(60, 30)) for _ in range(2))
    assert np.array_equal(first, second)


def test_image_without_content_is_refused() -> None:
    empty = Volume(np.zeros((30, 30, 30), np.float32), np.diag([6.0, 6, 6, 1]))
    with pytest.raises(ValueError, match="without content"):
        starts.best_pose(empty, empty, evaluations=(0, 0))
