"""total_dose: the course total, in Gy, against published figures and sums over fractions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ricenet import total_dose
from ricenet.total_dose import course_total, eqd2
from ricenet.volume import load
from step_run import put, put_record, run_step

RNG = np.random.default_rng(8)
SINGLE = RNG.uniform(0, 2, (6, 7, 5)).astype(np.float32)
MASK = np.zeros(SINGLE.shape, np.uint8)
MASK[1:5, 2:6, 1:4] = 1
AFFINE = np.diag([2.0, 2, 2, 1])
SETTINGS = {"quantity": "physical", "alpha_beta_gy": 2.0, "mask_dose": True}


def run(folder: Path, *, dose=SINGLE, ledger=None, **settings) -> tuple[dict, np.ndarray]:
    ledger = {"factor": 30, "fractions": 30, "maximum_gy": float(SINGLE.max())} | (ledger or {})
    out = folder / "dose_total.nii.gz"
    record = run_step(
        total_dose.main,
        folder / "dose_total.json",
        SETTINGS | settings,
        dose=put(folder / "dose_registered.nii.gz", dose, AFFINE),
        mask=put(folder / "event_brain-mask.nii.gz", MASK, AFFINE),
        ledger=put_record(folder / "dose_native.json", ledger=ledger),
        out=out,
    )
    return record, load(out).data


def verdicts(record: dict) -> dict:
    return {c["check"]: c["verdict"] for c in record["checks"]}


def test_total_is_the_sum_of_the_fractions() -> None:
    summed = np.zeros(SINGLE.shape)
    for _ in range(33):
        summed += SINGLE
    np.testing.assert_allclose(course_total(SINGLE, factor=33), summed, rtol=1e-6)
    np.testing.assert_array_equal(course_total(SINGLE, factor=1), SINGLE)


@pytest.mark.parametrize(
    ("total", "n", "alpha_beta", "expected"),
    [
        (60.0, 30, 2.0, 60.0),  # 2 Gy fractions are their own equivalent
        (60.0, 30, 10.0, 60.0),
        (40.05, 15, 2.0, 46.76),  # 15 x 2.67 Gy
        (40.05, 15, 10.0, 42.29),
        (34.0, 10, 2.0, 45.9),  # 10 x 3.4 Gy
        (0.0, 30, 2.0, 0.0),
    ],
)
def test_eqd2_of_known_schedules(total, n, alpha_beta, expected) -> None:
    """By hand: D (d + ab) / (2 + ab)."""
    found = eqd2(np.array([total]), fractions=n, alpha_beta_gy=alpha_beta)
    assert found[0] == pytest.approx(expected, abs=0.01)


def test_step_multiplies_masks_and_passes_its_checks(tmp_path: Path) -> None:
    record, found = run(tmp_path)
    np.testing.assert_allclose(found, np.where(MASK, SINGLE * 30, 0), rtol=1e-6)
    assert verdicts(record) == dict.fromkeys(["maximum", "minimum", "maximum in the brain"], "pass")
    # 8 microlitres a voxel
    integral = record["facts"]["integral_dose_gy_ml"]
    assert integral == pytest.approx(30 * SINGLE.sum(dtype=float) * 0.008, rel=1e-5)


def test_dose_outside_the_brain_can_be_kept(tmp_path: Path) -> None:
    _, found = run(tmp_path, mask_dose=False)
    np.testing.assert_allclose(found, SINGLE * 30, rtol=1e-6)


@pytest.mark.parametrize(
    ("dose", "check"),
    [
        (SINGLE - 0.5, "minimum"),
        (SINGLE * 1.01, "maximum"),
        (np.where(MASK, 0, SINGLE).astype(np.float32), "maximum in the brain"),
    ],
)
def test_suspicious_dose_is_marked(dose, check: str, tmp_path: Path) -> None:
    assert verdicts(run(tmp_path, dose=dose)[0])[check] == "fail"


def test_eqd2_needs_the_number_of_fractions(tmp_path: Path) -> None:
    _, found = run(tmp_path, ledger={"factor": 1, "fractions": 15}, quantity="eqd2")
    np.testing.assert_allclose(found[MASK > 0], (SINGLE * (SINGLE / 15 + 2) / 4)[MASK > 0], 1e-5)
    with pytest.raises(ValueError, match="eqd2 needs the number of fractions"):
        run(tmp_path, ledger={"fractions": None}, quantity="eqd2")
