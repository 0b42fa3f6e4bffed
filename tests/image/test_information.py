"""Normalised mutual information against scikit-learn's, and where it is known."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import normalized_mutual_info_score

from ricenet.image.information import BINS, levels, normalised_mutual_information


def test_it_is_that_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    a = rng.normal(size=(12, 13, 14))
    inside = rng.random(a.shape) < 0.6
    for share in (0.0, 0.5, 1.0):
        b = share * np.abs(a) + rng.normal(size=a.shape) * 0.3
        expected = normalized_mutual_info_score(levels(a[inside]), levels(b[inside]))
        assert normalised_mutual_information(a, b, inside) == pytest.approx(expected, abs=1e-9)


def test_any_one_to_one_change_of_brightness_keeps_it_whole() -> None:
    tissue = np.random.default_rng(1).integers(0, 4, (9, 9, 9))
    inside = np.ones(tissue.shape, bool)
    other = np.array([7.0, -3.0, 12.0, 0.5])[tissue]
    assert normalised_mutual_information(tissue, other, inside) == pytest.approx(1)
    assert abs(np.corrcoef(tissue.ravel(), other.ravel())[0, 1]) < 0.5


def test_nothing_in_common_and_nothing_at_all() -> None:
    a, b = np.random.default_rng(2).normal(size=(2, 40, 40, 40))
    # chance alone gives about (bins - 1)^2 / 2 n nats of the entropies of two flat images
    bias = (BINS - 1) ** 2 / (2 * a.size) / np.log(BINS)
    assert 0 <= normalised_mutual_information(a, b, a > -9) < 2 * bias
    assert normalised_mutual_information(a, b, a > 99) == 0
    assert normalised_mutual_information(a, np.ones_like(a), a > -9) == 0
