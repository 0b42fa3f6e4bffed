"""latents: what is known of a patient's label, and what is not."""

import numpy as np
import pytest

from ricenet.phantom import latents


def test_two_in_five_are_rice_at_every_size():
    labels = [latents.label_of(index) for index in range(200)]
    for size in range(1, 201):
        assert sum(labels[:size]) == np.floor(0.4 * size + 1e-9)
    assert set(labels) == {0, 1}


@pytest.mark.parametrize("scale", [0.0, 1.0, 1.5])
def test_class_means_of_latents_lie_scale_times_d_apart(scale):
    rng = np.random.default_rng(0)
    draws = {
        label: np.array([latents.draw_latents(rng, label=label, scale=scale) for _ in range(2000)])
        for label in (0, 1)
    }
    apart = draws[1].mean(axis=0) - draws[0].mean(axis=0)
    expected = scale * np.array([1.544, 1.049, 0.404, 1.045])
    np.testing.assert_allclose(apart, expected, atol=0.13)  # 4 standard errors
    np.testing.assert_allclose(draws[1].std(axis=0), 1, atol=0.07)


def test_distance_alone_says_nothing_but_with_the_dose_it_does():
    rng = np.random.default_rng(1)
    distance, beyond = {}, {}
    for label in (0, 1):
        drawn = [latents.draw_latents(rng, label=label, scale=1.5) for _ in range(2000)]
        distance[label] = np.array([latents.lesion_distance_mm(z) for z in drawn])
        beyond[label] = distance[label] - [latents.dose_radius_mm(z) for z in drawn]
    error = np.sqrt((distance[0].var() + distance[1].var()) / 2000)
    assert abs(distance[1].mean() - distance[0].mean()) < 4 * error
    assert abs(distance[1].mean() - 30) < 4 * error
    # kappa x 1.5 x d_pair = 9.3 mm: RICE lies inside the high dose, recurrence outside.
    assert beyond[0].mean() - beyond[1].mean() == pytest.approx(9.26, abs=0.8)
