"""Changed doses against whole-voxel copies and a linear field that shows every shift."""

import numpy as np
import pytest

from ricenet.explain import dose_changes
from ricenet.explain.dose_changes import Patient, changes
from ricenet.image.intensity import zscore

SHAPE = (12, 14, 10)
BRAIN = np.zeros(SHAPE, bool)
BRAIN[2:10, 3:12, 2:8] = True


@pytest.fixture
def patient():
    dose = np.random.default_rng(0).random(SHAPE).astype(np.float32)
    return Patient("A", np.where(BRAIN, dose, 0), BRAIN)


def made(patient, partner=None, *, spacing_mm=5.0, scaling="constant"):
    found = changes(patient, partner, spacing_mm=spacing_mm, scaling=scaling)
    return {(kind, amount): dose for kind, amount, dose in found}


def test_scaled(patient):
    found = made(patient)
    for factor in (0.8, 0.9, 1, 1.1, 1.2):
        np.testing.assert_allclose(found["scaled", f"{factor:g}"], factor * patient.dose)
    np.testing.assert_array_equal(found["scaled", "1"], patient.dose)


@pytest.mark.parametrize(
    ("name", "axis", "step"),
    [("right", 0, 1), ("left", 0, -1), ("anterior", 1, 1), ("posterior", 1, -1),
     ("superior", 2, 1), ("inferior", 2, -1)],
)  # fmt: skip
def test_shifted_by_a_whole_voxel(patient, name, axis, step):
    found = made(patient)["shifted", f"5 mm {name}"]
    for voxel in np.argwhere(BRAIN):
        source = voxel.copy()
        source[axis] -= step
        # the brain is a box here: its nearest voxel is the clipped one
        source = np.clip(source, [2, 3, 2], [9, 11, 7])
        assert found[tuple(voxel)] == pytest.approx(patient.dose[tuple(source)], abs=1e-6)
    assert not found[~BRAIN].any()


def test_shift_is_in_mm(patient):
    ramp = np.broadcast_to(np.arange(SHAPE[0], dtype=np.float32)[:, None, None], SHAPE)
    found = made(Patient("A", ramp, BRAIN), spacing_mm=2.0)["shifted", "5 mm right"]
    np.testing.assert_allclose(found[4:10], ramp[4:10] - 2.5, atol=1e-5)


def test_a_dose_that_is_known_outside_the_brain_stays_as_it_is(patient):
    whole = Patient("A", patient.dose + 1, BRAIN)
    found = made(whole)
    assert found["scaled", "0.8"][0, 0, 0] == pytest.approx(0.8)
    assert found["shifted", "5 mm right"][2, 5, 5] == pytest.approx(1.0)  # from outside
    np.testing.assert_array_equal(dose_changes.continued(whole), whole.dose)


def test_swapped_is_the_partners_dose_in_the_own_brain(patient):
    other = np.zeros(SHAPE, bool)
    other[4:12, 3:12, 2:8] = True
    partner = Patient("B", np.where(other, 2 + patient.dose + 0.1, 0).astype("f4"), other)
    found = made(patient, partner)["swapped", "B"]
    np.testing.assert_array_equal(found[BRAIN & other], partner.dose[BRAIN & other])
    assert not found[~BRAIN].any()
    np.testing.assert_array_equal(found[2, 3:12, 2:8], partner.dose[4, 3:12, 2:8])
    assert not [kind for kind, _ in made(patient) if kind == "swapped"]


def test_under_zscore_a_scaled_dose_is_the_same_and_a_shifted_one_is_standardised(patient):
    standard = Patient("A", zscore(patient.dose, BRAIN), BRAIN)
    found = made(standard, scaling="zscore")
    for factor in ("0.8", "1", "1.2"):
        np.testing.assert_allclose(found["scaled", factor], standard.dose, atol=1e-5)
    moved = found["shifted", "5 mm left"]
    assert abs(moved[BRAIN].mean()) < 1e-5 and moved[BRAIN].std() == pytest.approx(1, abs=1e-5)
    np.testing.assert_allclose(
        moved, zscore(made(patient)["shifted", "5 mm left"], BRAIN), atol=1e-5
    )


def test_partner_is_the_next_one():
    names = ["A", "B", "C"]
    assert [dose_changes.partner_of(n, names) for n in names] == ["B", "C", "A"]
    assert dose_changes.partner_of("A", ["A"]) is None
