"""intensity: against the definition, and what a z-score does to the number of fractions."""

from __future__ import annotations

import numpy as np
import pytest

from ricenet.image.intensity import scale_dose, zscore

RNG = np.random.default_rng(11)
DATA = RNG.gamma(3, 20, (9, 8, 7)).astype(np.float32)
MASK = RNG.random(DATA.shape) > 0.5


def test_zscore_is_the_definition_voxel_by_voxel() -> None:
    found = zscore(DATA, MASK)
    values = [float(v) for v in DATA[MASK]]
    mean = sum(values) / len(values)
    deviation = (sum((v - mean) ** 2 for v in values) / len(values)) ** 0.5
    for index in np.ndindex(DATA.shape):
        expected = (float(DATA[index]) - mean) / deviation if MASK[index] else 0.0
        assert found[index] == pytest.approx(expected, abs=1e-5)
    assert not found[~MASK].any() and found.dtype == np.float32


def test_zscore_does_not_see_what_lies_outside_the_mask() -> None:
    loud = np.where(MASK, DATA, 1e6)
    np.testing.assert_array_equal(zscore(loud, MASK), zscore(DATA, MASK))


@pytest.mark.parametrize("value", [0.0, 0.1, 1234.567])
def test_constant_brain_and_empty_mask_are_refused(value: float) -> None:
    with pytest.raises(ValueError, match=f"same value, {value:g}"):
        zscore(np.full(DATA.shape, value, np.float32), MASK)
    with pytest.raises(ValueError, match="mask is empty"):
        zscore(DATA, np.zeros_like(MASK))


def test_a_zscored_dose_forgets_the_number_of_fractions() -> None:
    """(kx - k mean)/(k sd) = (x - mean)/sd: the multiplication by 30 is void."""
    single = DATA / 30
    zscored = [scale_dose(d, MASK, scaling="zscore", scale_gy=60.0) for d in (single, 30 * single)]
    np.testing.assert_allclose(zscored[0], zscored[1], atol=1e-5)
    divided = [
        scale_dose(d, MASK, scaling="constant", scale_gy=60.0) for d in (single, 30 * single)
    ]
    np.testing.assert_allclose(divided[1], 30 * divided[0], rtol=1e-6)
    np.testing.assert_allclose(divided[1] * 60, DATA, rtol=1e-6)
