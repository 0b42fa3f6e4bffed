"""left_right: a textured ball, stored straight, mirrored and askew."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
from scipy import ndimage
from scipy.spatial.transform import Rotation

from ricenet.image import transforms
from ricenet.image.volume import Volume
from ricenet.preprocess import left_right

SIZE, MM = 56, 3.0
CENTRE_MM = np.array([4.0, -7.0, 11.0])


def texture(seed: int) -> np.ndarray:
    """Smooth noise of unit deviation."""
    noise = np.random.default_rng(seed).normal(size=(SIZE, SIZE, SIZE))
    noise = ndimage.gaussian_filter(noise, 2.5)
    return noise / noise.std()


def head(asymmetry: float) -> tuple[Volume, Volume]:
    """Image and brain mask: a ball that is symmetric in x but for a share of its texture."""
    even, odd = texture(0), texture(1)
    even, odd = even + even[::-1], odd - odd[::-1]
    radius = np.linalg.norm((np.indices(even.shape).T - (SIZE - 1) / 2).T, axis=0) * MM
    brain = radius < 62
    data = np.where(brain, 600 + 100 * (even + asymmetry * odd), 300 * (radius < 72))
    affine = np.diag([MM, MM, MM, 1.0])
    affine[:3, 3] = CENTRE_MM - MM * (SIZE - 1) / 2
    return Volume(data.astype(np.float32), affine), Volume(brain.astype(np.uint8), affine)


def askew(volume: Volume, **deg: float) -> tuple[Volume, np.ndarray]:
    """Volume turned about the head's centre, and the matrix that turned it."""
    angles = [deg.get(name, 0) for name in ("yaw", "roll")]
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_euler("zy", angles, degrees=True).as_matrix()
    matrix[:3, 3] = CENTRE_MM - matrix[:3, :3] @ CENTRE_MM
    return Volume(volume.data, matrix @ volume.affine), matrix


def test_reflection_mirrors_at_the_plane() -> None:
    """Against the textbook: the plane stays, what lies off it changes sides, twice is nothing."""
    plain = left_right.reflection(CENTRE_MM, yaw_deg=0, roll_deg=0)
    np.testing.assert_allclose(plain @ [10, 20, 30, 1], [2 * CENTRE_MM[0] - 10, 20, 30, 1])
    matrix = left_right.reflection(CENTRE_MM, yaw_deg=25, roll_deg=-40)
    np.testing.assert_allclose(matrix @ matrix, np.eye(4), atol=1e-12)
    np.testing.assert_allclose(matrix @ [*CENTRE_MM, 1], [*CENTRE_MM, 1], atol=1e-12)
    assert np.linalg.det(matrix[:3, :3]) == pytest.approx(-1)


def test_margin_is_one_less_the_symmetric_share() -> None:
    """Of even + a odd, the mirrored image correlates (1 - a²) / (1 + a²) with the first."""
    image, brain = head(asymmetry=0.6)
    inside = brain.data > 0
    naive = np.corrcoef(image.data[inside], image.data[::-1][inside])[0, 1]
    assert naive == pytest.approx((1 - 0.36) / (1 + 0.36), abs=0.05)
    found = left_right.margin(image, image, [brain, brain], sitk.Transform())
    assert found.refined
    assert found.mirrored == pytest.approx(naive, abs=0.04)
    assert found.difference == pytest.approx(1 - naive, abs=0.04)


@pytest.mark.parametrize("deg", [{}, {"yaw": 25}, {"roll": -25}, {"yaw": -20, "roll": 20}])
def test_mirrored_image_is_seen_however_the_head_lies(deg: dict[str, float]) -> None:
    image, brain = head(asymmetry=0.6)
    (fixed, matrix), (fixed_brain, _) = askew(image, **deg), askew(brain, **deg)
    back = transforms.from_matrix_ras(np.linalg.inv(matrix))
    flipped = Volume(np.ascontiguousarray(image.data[::-1]), image.affine)
    masks = [brain, fixed_brain]
    genuine = left_right.margin(fixed, image, masks, back).difference
    planted, mirrored, _ = left_right.margin(fixed, flipped, masks, back)
    print(deg, f"genuine {genuine:.3f}, mirrored {planted:.3f}")
    assert genuine > 0.3
    assert planted < -0.3
    assert mirrored > 0.9


def test_refinement_that_fails_leaves_the_search_alone(monkeypatch) -> None:
    image, brain = head(asymmetry=0.6)
    inside = brain.data > 0
    naive = np.corrcoef(image.data[inside], image.data[::-1][inside])[0, 1]

    def execute(*_) -> None:
        raise RuntimeError("all samples map outside the moving image")

    monkeypatch.setattr(sitk.ImageRegistrationMethod, "Execute", execute)
    _, mirrored, refined = left_right.margin(image, image, [brain, brain], sitk.Transform())
    assert not refined  # the gate holds it
    assert mirrored == pytest.approx(naive, abs=0.04)  # the head lies straight


def test_heads_without_overlap_or_contrast_have_no_margin() -> None:
    """No error: the other gates fail as well, and a person shall see them all."""
    image, brain = head(asymmetry=0.6)
    far = transforms.from_matrix_ras(np.eye(4) + np.outer([1000, 0, 0, 0], [0, 0, 0, 1]))
    flat = Volume(np.ones_like(image.data), image.affine)
    for moving, found in ((image, far), (flat, sitk.Transform())):
        assert left_right.margin(image, moving, [brain, brain], found).difference <= 0
