"""plausible_values: what no magnitude image has, and what resampling makes of one."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from ricenet.image.plausible_values import (
    corner_brightness,
    is_mask,
    likely_padding,
    negative_share,
)


def head(size: int = 40) -> np.ndarray:
    """Bright ball with a brighter shell in noise around 0, as blurred as a scanner's image."""
    rng = np.random.default_rng(3)
    radius = np.linalg.norm(np.indices((size,) * 3) - size / 2, axis=0)
    noise = np.abs(rng.normal(0, 8, radius.shape))
    return (
        ndimage.gaussian_filter(np.where(radius < 14, 500.0, np.where(radius < 16, 900.0, 0)), 0.7)
        + noise
    )


@pytest.mark.parametrize("order", [1, 3, 5])
def test_resampling_explains_what_it_undershoots(order: int) -> None:
    moved = ndimage.shift(head(), (0.4, 0.3, 0.5), order=order, mode="nearest")
    assert (order == 1) == (moved.min() >= 0)
    assert negative_share(moved) < 0.003


@pytest.mark.parametrize(
    ("change", "least"),
    [
        (lambda a: a - a.mean(), 0.3),  # standardised
        (lambda a: (a - a.mean()) / a.std(), 0.3),
        (lambda a: a * np.cos(np.linspace(0, 40, a.shape[0]))[:, None, None], 0.02),  # real part
        (lambda a: np.random.default_rng(0).uniform(-4096, 4095, a.shape), 0.4),  # phase
    ],
)
def test_what_is_no_magnitude_is_negative(change, least: float) -> None:
    assert negative_share(change(head())) > least


def test_padding_that_stands_apart() -> None:
    image = head()
    corners = np.linalg.norm(np.indices(image.shape) - 20, axis=0) > 25
    assert likely_padding(image) is None
    for value, found in ((-32768.0, True), (-2000.0, True), (-1.0, False)):
        padded = np.where(corners, value, image)
        assert (likely_padding(padded) == value) is found
    for value, found in ((65535.0, True), (1.2 * image.max(), False)):  # or bright and cut off
        padded = np.where(corners, value, image)
        assert (likely_padding(padded) == value) is found
    assert likely_padding(image - image.mean()) is None  # standardised: no value stands apart
    assert likely_padding(np.full((9, 9, 9), -5.0)) is None


def test_air_is_dark_in_a_magnitude_and_noise_in_a_phase_image() -> None:
    """Also where both were shifted: phases are stored from 0 upwards by some."""
    rng = np.random.default_rng(0)
    for offset in (0, 500):
        assert corner_brightness(head() + offset) < 0.05
        assert 0.3 < corner_brightness(rng.uniform(0, 4095, (30, 30, 30)) + offset) < 0.7
    assert corner_brightness(np.ones((40, 40, 4))) is None


def test_masks_have_few_values() -> None:
    assert is_mask((head() > 300).astype(np.float32)) and not is_mask(head())
    assert not is_mask(np.arange(8).reshape(2, 2, 2))  # too small to tell
