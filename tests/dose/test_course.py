"""A course of several plans: replans, boosts, what was delivered of each."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset

from dicom_phantoms import (
    DOSE_SETTINGS,
    dose,
    plan,
    read_dose,
    replaces,
    treatment_record,
    write,
)
from dose_objects import BOOST, FIRST, digests, refusal
from ricenet.dose.ledger import checks
from ricenet.image.volume import load
from ricenet.ingest import ingest_dose
from ricenet.preprocess import total_dose
from step_run import put, run_step

SHAPE = (12, 14, 16)  # frames, rows, columns
SCALING = 1e-3
GRID = {"offsets": tuple(3.0 * k for k in range(SHAPE[0]))}


def lump(gy: float, centre=(5, 6, 8)) -> np.ndarray:
    """Stored integers of a dose that falls off around a place."""
    away = [np.arange(n) - c for n, c in zip(SHAPE, centre, strict=True)]
    squares = sum(np.meshgrid(*(a**2 for a in away), indexing="ij"))
    return np.rint(gy / SCALING * np.exp(-squares / 40)).astype(np.uint32)


def plan_and_dose(gy: float, n: int, rx: float | None, *, uid: str, number: int, **where) -> list:
    stored = dose(stored=lump(gy, **where), number=number, plan=uid, **GRID)
    stored.DoseGridScaling = SCALING
    return [stored, plan(uid=uid, planned=(n,), prescription_gy=rx)]


def two(folder: Path, first, second, *more, **row: str):
    """Folder of two plans, and a row that names them in this order."""
    path = write(folder, *first, *second, *more)
    known = digests(refusal(path))
    names = [known[f"{maximum_of(objects[0]):.2f}"] for objects in (first, second)]
    return path, {"dose_plan": "+".join(names), **row}


def maximum_of(stored) -> float:
    return float(stored.pixel_array.max()) * SCALING


def verdict(ledger: dict, name: str = "dose-plausibility") -> str:
    """Verdict of a check: pass, fail, held (not made), or none."""
    for check in checks(ledger):
        if check["name"] == name:
            if "reason" in check:
                return "held"
            low, high = check.get("at_least"), check.get("at_most")
            value = check["value"]
            good = (low is None or value >= low) and (high is None or value <= high)
            return "pass" if good else "fail"
    return "none"


# --- one course twice ----------------------------------------------------------------------------


def replan(folder: Path, *more, rx: float | None = 40.05, n: int = 15, **row: str):
    """42.5 Gy twice, planned in 15 fractions each; the second maximum a little higher."""
    first = plan_and_dose(42.5, n, rx, uid=FIRST, number=1)
    second = plan_and_dose(42.6, n, rx, uid=BOOST, number=2, centre=(5, 6, 7))
    return two(folder, first, second, *more, **row)


@pytest.mark.parametrize("rx", [40.05, None])
def test_one_course_twice_is_asked_about(rx, tmp_path: Path) -> None:
    message = refusal(*replan(tmp_path, rx=rx))
    assert message.startswith("write in fractions how many of each plan") and "5+10" in message
    assert "look like one course planned twice" in message and "15 fractions" in message
    assert "records" not in message and len(message) < 400


def test_doses_without_their_plans_need_these_to_be_scaled(tmp_path: Path) -> None:
    first = plan_and_dose(42.5, 15, None, uid=FIRST, number=1)
    second = plan_and_dose(42.6, 15, None, uid=BOOST, number=2)
    path, row = two(tmp_path, first[:1], second[:1])
    assert refusal(path, row).startswith("add the RTPLAN of each dose, and write in fractions")


def test_one_course_twice_is_asked_about_before_its_size(tmp_path: Path) -> None:
    """Together above the limit: the remedy is not to call it a total."""
    first = plan_and_dose(63.0, 30, 60.0, uid=FIRST, number=1)
    path, row = two(tmp_path, first, plan_and_dose(63.1, 30, 60.0, uid=BOOST, number=2))
    with pytest.raises(ValueError, match=r"^write in fractions how many of each"):
        read_dose(path, row, max_total_gy=100.0)
    with pytest.raises(ValueError, match=r"above 100 Gy; write in fractions how many of each"):
        read_dose(path, row | {"fractions": "30+30"}, max_total_gy=100.0)


def test_a_single_number_for_both_is_refused_with_a_remedy_that_helps(tmp_path: Path) -> None:
    message = refusal(*replan(tmp_path, fractions="15"))
    assert "plans have 15 + 15" in message and "records" not in message
    assert "such as 5+10" in message and "empty" not in message


@pytest.mark.parametrize(
    ("row", "size", "delivered"),
    [
        ({"fractions": "5+10"}, "held", "fail"),
        ({"fractions": "5+10", "prescription_gy": "40.05"}, "pass", "pass"),
        ({"fractions": "15+15"}, "held", "none"),
        ({"fractions": "15+15", "prescription_gy": "40.05"}, "fail", "none"),
        ({"fractions": "30", "prescription_gy": "40.05"}, "fail", "none"),
        ({"fractions": "10+5", "prescription_gy": "80"}, "pass", "fail"),
    ],
)
def test_fractions_by_plan(row, size, delivered, tmp_path: Path) -> None:
    path, row = replan(tmp_path, **row)
    ledger = read_dose(path, row)[1]["ledger"]
    given = row["fractions"].split("+")
    shares = [int(n) / 15 for n in given] if len(given) == 2 else [1, 1]
    stored = [lump(42.5), lump(42.6, centre=(5, 6, 7))]
    expected = sum(s * d * SCALING for s, d in zip(shares, stored, strict=True)).max()
    assert ledger["total_maximum_gy"] == pytest.approx(expected, rel=1e-5)
    assert [p["factor"] for p in ledger["parts"]] == pytest.approx(shares)
    assert (verdict(ledger), verdict(ledger, "dose-delivered")) == (size, delivered)


def test_records_of_both_plans_say_it(tmp_path: Path) -> None:
    records = [treatment_record(k, plan=FIRST, date=f"2021040{k}") for k in range(1, 6)]
    records += [treatment_record(k, plan=BOOST, date=f"2021050{k % 10}") for k in range(6, 16)]
    for k, item in enumerate(records):
        item.SOPInstanceUID = item.file_meta.MediaStorageSOPInstanceUID = f"{BOOST}.8.{k}"
    path, row = replan(tmp_path, *records)
    message = refusal(path, row)
    assert "treatment records 5, the plan 15" in message and "such as 5+10" in message
    ledger = read_dose(path, row | {"fractions": "5+10"})[1]["ledger"]
    assert ledger["total_maximum_gy"] == pytest.approx(42.5, rel=0.01)
    assert ledger["source_of_prescription"] == "records"
    assert ledger["prescription_gy"] == pytest.approx(40.05)
    assert (verdict(ledger), verdict(ledger, "dose-delivered")) == ("pass", "none")


@pytest.mark.parametrize(
    "second",
    [
        {"gy": 42.6, "n": 15, "rx": 40.05, "centre": (10, 12, 2)},  # another place
        {"gy": 16.0, "n": 5, "rx": 15.0},  # a boost
    ],
)
def test_plans_that_differ_are_not_asked_about(second, tmp_path: Path) -> None:
    first = plan_and_dose(42.5, 15, 40.05, uid=FIRST, number=1)
    path, row = two(tmp_path, first, plan_and_dose(**second, uid=BOOST, number=2))
    assert verdict(read_dose(path, row)[1]["ledger"]) == "held"


def test_what_is_left_of_a_course_planned_anew_is_asked_about(tmp_path: Path) -> None:
    """The second plan has ten fractions and replaces the first, which has fifteen."""
    first = plan_and_dose(42.5, 15, 40.05, uid=FIRST, number=1)
    left, new = plan_and_dose(28.4, 10, 26.7, uid=BOOST, number=2)
    path = write(tmp_path, *first, left, replaces(new, FIRST))
    ledger = read_dose(path)[1]["ledger"]
    assert ledger["total_maximum_gy"] == pytest.approx(28.4, abs=0.01)
    assert verdict(ledger, "dose-delivered") == "fail"
    assert "(15 fractions) was replaced by" in " ".join(ledger["delivery_doubts"])
    named = read_dose(path, {"dose_plan": ledger["plan"]})[1]["ledger"]
    assert verdict(named, "dose-delivered") == "none"


# --- boosts --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("references", "row", "size"),
    [
        ((60.0, 60.0), {}, "pass"),  # both name the course: a false alarm before (0.53)
        ((60.0, 60.0), {"prescription_gy": "60"}, "pass"),
        ((46.0, 60.0), {}, "pass"),  # the boost's reference is cumulative
        ((46.0, 14.0), {}, "held"),
        ((46.0, 14.0), {"prescription_gy": "60"}, "pass"),
        ((60.0, 60.0), {"prescription_gy": "46"}, "fail"),
        ((40.0, 14.0), {"prescription_gy": "60"}, "fail"),  # 46 is not 40
        ((14.0, 60.0), {"prescription_gy": "60"}, "fail"),  # exchanged
    ],
)
def test_boost_whose_plans_name_the_course(references, row, size, tmp_path: Path) -> None:
    first = plan_and_dose(48.3, 23, references[0], uid=FIRST, number=1)
    second = plan_and_dose(14.7, 7, references[1], uid=BOOST, number=2)
    path, row = two(tmp_path, first, second, **row)
    ledger = read_dose(path, row)[1]["ledger"]
    assert ledger["total_maximum_gy"] == pytest.approx(63, abs=0.01)
    assert verdict(ledger) == size


def test_a_course_reference_does_not_open_the_door_to_a_doubled_course(tmp_path: Path) -> None:
    """40 Gy whole, and what a replan had left of it: each names 40 Gy, together they have 68."""
    first = plan_and_dose(42.0, 15, 40.0, uid=FIRST, number=1)
    second = plan_and_dose(28.0, 10, 40.0, uid=BOOST, number=2)
    path, row = two(tmp_path, first, second)
    assert verdict(read_dose(path, row)[1]["ledger"]) == "fail"


def test_prescription_of_the_fraction_group_is_the_plans_own(tmp_path: Path) -> None:
    """The dose reference says 60, the fraction groups 46 and 14: as a course with one missing."""
    first = plan_and_dose(48.3, 23, 60.0, uid=FIRST, number=1)
    own = Dataset()
    own.ReferencedDoseReferenceNumber, own.TargetPrescriptionDose = 1, 46.0
    first[1].FractionGroupSequence[0].ReferencedDoseReferenceSequence = [own]
    alone = read_dose(write(tmp_path / "a", *first))[1]["ledger"]
    assert verdict(alone) == "fail"  # the boost is not there
    second = plan_and_dose(14.7, 7, 60.0, uid=BOOST, number=2)
    path, row = two(tmp_path / "b", first, second)
    assert verdict(read_dose(path, row)[1]["ledger"]) == "pass"


# --- biological dose -----------------------------------------------------------------------------


def test_eqd2_of_plans_delivered_in_part(tmp_path: Path) -> None:
    """Each voxel by hand: per fraction a plan gives its dose over its planned fractions."""
    path, row = replan(tmp_path / "raw", fractions="5+10", prescription_gy="40.05")
    native, record = tmp_path / "dose_native.nii.gz", tmp_path / "dose_native.json"
    run_step(ingest_dose.main, record, DOSE_SETTINGS, raw=path, row=json.dumps(row), out=native)
    grid = load(native, parts=True)
    mask = put(tmp_path / "mask.nii.gz", np.ones(grid.data.shape[:3], np.uint8), grid.affine)
    out = tmp_path / "dose_total.nii.gz"
    settings = {"quantity": "eqd2", "alpha_beta_gy": 2.0, "mask_dose": False}
    run_step(total_dose.main, tmp_path / "dose_total.json", settings, dose=native, mask=mask,
             ledger=record, out=out)  # fmt: skip
    expected = np.zeros(SHAPE)
    for stored, n in ((lump(42.5), 5), (lump(42.6, centre=(5, 6, 7)), 10)):
        per_fraction = stored * SCALING / 15
        expected += n * per_fraction * (per_fraction + 2) / 4
    np.testing.assert_allclose(load(out).data, expected.T, rtol=1e-5, atol=1e-6)
