"""total_dose: the course total, in Gy, against published figures and sums over fractions."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from dicom_phantoms import (
    DOSE_SETTINGS,
    FRAME,
    STORED,
    UID,
    dose,
    plan,
    read_dose,
    registration,
    write,
)
from dose_objects import BOOST, digests, refusal
from ricenet.dicom.files import uid_digest
from ricenet.image.volume import load
from ricenet.ingest import ingest_dose
from ricenet.preprocess import align, total_dose
from ricenet.preprocess.total_dose import course_total, eqd2
from ricenet.preprocess.zscore import zscore
from step_run import put, put_record, run_step

RNG = np.random.default_rng(8)
SINGLE = RNG.uniform(0, 2, (6, 7, 5)).astype(np.float32)
MASK = np.zeros(SINGLE.shape, np.uint8)
MASK[1:5, 2:6, 1:4] = 1
AFFINE = np.diag([2.0, 2, 2, 1])
SETTINGS = {"quantity": "physical", "alpha_beta_gy": 2.0, "mask_dose": True}


def run(folder: Path, *, dose=SINGLE, parts=None, maximum_gy=None, **settings):
    """Record and result for a dose of 30 fractions, or of the parts given."""
    parts = parts or [{"factor": 30, "fractions": 30}]
    data = SINGLE[..., None] if dose.ndim == 3 else dose
    highest = sum(data[..., i] * p["factor"] for i, p in enumerate(parts)).max()
    ledger = {"parts": parts, "total_maximum_gy": float(maximum_gy or highest)}
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
    assert verdicts(record) == dict.fromkeys(
        ["dose-maximum", "dose-minimum", "dose-in-brain"], "pass"
    )
    # 8 microlitres a voxel
    integral = record["facts"]["integral_dose_gy_ml"]
    assert integral == pytest.approx(30 * SINGLE.sum(dtype=float) * 0.008, rel=1e-5)


def test_dose_outside_the_brain_can_be_kept(tmp_path: Path) -> None:
    _, found = run(tmp_path, mask_dose=False)
    np.testing.assert_allclose(found, SINGLE * 30, rtol=1e-6)


@pytest.mark.parametrize(
    ("dose", "check"),
    [
        (SINGLE - 0.5, "dose-minimum"),
        (SINGLE * 1.01, "dose-maximum"),
        (np.where(MASK, 0, SINGLE).astype(np.float32), "dose-in-brain"),
    ],
)
def test_suspicious_dose_is_marked(dose, check: str, tmp_path: Path) -> None:
    assert verdicts(run(tmp_path, dose=dose)[0])[check] == "fail"


def test_eqd2_needs_the_number_of_fractions(tmp_path: Path) -> None:
    _, found = run(tmp_path, parts=[{"factor": 1, "fractions": 15}], quantity="eqd2")
    np.testing.assert_allclose(found[MASK > 0], (SINGLE * (SINGLE / 15 + 2) / 4)[MASK > 0], 1e-5)
    with pytest.raises(ValueError, match="eqd2 needs the number of fractions"):
        run(tmp_path, parts=[{"factor": 1, "fractions": None}], quantity="eqd2")


BOTH = np.stack([SINGLE, SINGLE[::-1]], axis=-1)
PARTS = [{"factor": 25, "fractions": 25}, {"factor": 1, "fractions": 4}]


def test_parts_are_multiplied_one_by_one_and_added(tmp_path: Path) -> None:
    record, found = run(tmp_path, dose=BOTH, parts=PARTS)
    np.testing.assert_allclose(found, np.where(MASK, 25 * SINGLE + SINGLE[::-1], 0), rtol=1e-6)
    assert found.shape == SINGLE.shape
    assert set(verdicts(record).values()) == {"pass"}
    with pytest.raises(ValueError, match="the dose has 2 parts, its ledger 1"):
        run(tmp_path, dose=BOTH, parts=PARTS[:1])


def test_each_part_is_converted_before_adding_and_the_physical_sum_is_kept(tmp_path) -> None:
    """Voxel by voxel in double precision; converting the sum would give another number."""
    record, found = run(tmp_path, dose=BOTH, parts=PARTS, quantity="eqd2", mask_dose=False)
    expected = np.zeros(SINGLE.shape)
    for index in np.ndindex(SINGLE.shape):
        for gy, n in ((25 * float(SINGLE[index]), 25), (float(SINGLE[::-1][index]), 4)):
            expected[index] += gy * (gy / n + 2) / 4
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    physical = 25.0 * SINGLE + SINGLE[::-1]
    assert np.abs(found - physical * (physical / 29 + 2) / 4).max() > 0.5
    facts = record["facts"]
    assert facts["physical_maximum_gy"] == pytest.approx(physical.max())
    assert facts["physical_integral_dose_gy_ml"] == pytest.approx(physical.sum() * 0.008, rel=1e-5)
    assert facts["integral_dose_gy_ml"] == pytest.approx(expected.sum() * 0.008, rel=1e-5)


def test_eqd2_is_checked_by_its_physical_dose(tmp_path: Path) -> None:
    """An EQD2 above the physical maximum is right for large fractions."""
    parts = [{"factor": 10, "fractions": 2}]
    record, found = run(tmp_path, parts=parts, quantity="eqd2")
    assert found.max() > 10 * SINGLE.max() and verdicts(record)["dose-maximum"] == "pass"
    record, _ = run(tmp_path, parts=parts, quantity="eqd2", maximum_gy=10.0)
    assert verdicts(record)["dose-maximum"] == "fail"


@pytest.mark.parametrize("factor", [2, 30, 60])
def test_zscore_of_each_volume_cancels_the_number_of_fractions(factor: int) -> None:
    """(kx - k mean)/(k sd) = (x - mean)/sd: a single fraction and its total become the same."""
    brain = MASK > 0
    single = zscore(SINGLE, brain)
    total = zscore(course_total(SINGLE, factor=factor), brain)
    np.testing.assert_allclose(total, single, atol=1e-5)
    constant = course_total(SINGLE, factor=factor) / 60
    assert np.abs(constant - SINGLE / 60)[brain].max() > 0.01  # a constant scale keeps it


def test_two_plans_from_dicom_to_the_course(tmp_path: Path) -> None:
    """Plan and boost, each in its frame, through three steps; the boost moved by whole voxels."""
    boost = dose("FRACTION_SESSION", number=2, plan=BOOST, stored=STORED // 40)
    boost.FrameOfReferenceUID = f"{UID}.99"
    shift = np.eye(4)
    shift[:3, 3] = 4, 2.5, 3  # one column, one row, one frame
    link = registration(f"{UID}.99", shift, target=FRAME)
    raw = write(tmp_path / "raw", dose(), boost, plan(), plan(uid=BOOST, planned=(5,)), link)
    row = json.dumps({"dose_plan": "+".join(digests(refusal(raw)).values())})
    native, grid = tmp_path / "dose_native.nii.gz", tmp_path / "event_isotropic.nii.gz"
    record = tmp_path / "dose_native.json"
    run_step(ingest_dose.main, record, DOSE_SETTINGS, raw=raw, row=row, out=native)
    affine = read_dose(write(tmp_path / "alone", dose(), plan()))[0].affine
    put(grid, np.zeros((6, 5, 4), np.float32), affine)
    mask = put(tmp_path / "mask.nii.gz", np.ones((6, 5, 4), np.uint8), affine)
    frames = [put_record(tmp_path / "event_native.json", frame=uid_digest(FRAME))]
    aligned, out = tmp_path / "dose_registered.nii.gz", tmp_path / "dose_total.nii.gz"
    run_step(
        align.main, tmp_path / "dose_registered.json", image=native, image_record=record, grid=grid,
        mask=mask, transforms=[], links="[]", frames=frames, frame_images='["event"]',
        channel="dose", kind="dose", reference="event",
        out=aligned,
    )  # fmt: skip
    found = run_step(
        total_dose.main, tmp_path / "dose_total.json", SETTINGS, dose=aligned, mask=mask,
        ledger=record, out=out,
    )  # fmt: skip
    expected = STORED.T * 0.5
    expected[1:, 1:, 1:] += 5 * 0.5 * (STORED // 40).T[:-1, :-1, :-1]
    np.testing.assert_allclose(load(out).data, expected, atol=1e-4)
    assert set(verdicts(found).values()) == {"pass"}
