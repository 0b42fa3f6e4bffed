"""The ledger: prescription against near-maximum, limits."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest

from dicom_phantoms import SCALING, dose, ledger_of, plan
from ricenet.dose.ledger import checks
from ricenet.dose.plausibility import near_maximum, plausibility


def uniform(gy: float, summation: str = "PLAN"):
    stored = np.full((4, 5, 6), round(gy / SCALING * 1000), np.uint32)
    stored[0] //= 10
    data = dose(summation, stored=stored)
    data.DoseGridScaling = SCALING / 1000
    return data


@pytest.mark.parametrize(
    ("gy", "summation", "row", "reads_as", "value"),
    [
        (63.0, "PLAN", {}, "total", 1.05),
        (2.1, "FRACTION_SESSION", {}, "per_fraction", 1.05),
        (2.1, "PLAN", {}, "per_fraction", 0.035),
        (63.0, "FRACTION_SESSION", {}, "total", 31.5),
        (40.0, "PLAN", {}, "neither", 0.667),
        (40.0, "PLAN", {"dose_kind": "total"}, "neither", 0.667),
        (2.1, "PLAN", {"dose_kind": "per_fraction"}, "per_fraction", 1.05),
        (40.0, "PLAN", {"prescription_gy": "39.6"}, "total", 1.01),  # row before plan
        (53.9, "PLAN", {}, "neither", 0.898),
        (69.1, "PLAN", {}, "neither", 1.152),
    ],
)
def test_near_maximum_against_prescription(
    gy: float, summation: str, row, reads_as: str, value: float, tmp_path: Path
) -> None:
    ledger = ledger_of(tmp_path, uniform(gy, summation), plan(prescription_gy=60.0), row=row)
    assert ledger["plausibility"]["reads_as"] == reads_as
    assert ledger["prescription_gy"] == float(row.get("prescription_gy", 60))
    assert ledger["source_of_prescription"] == ("row" if "prescription_gy" in row else "plan")
    (check,) = [c for c in checks(ledger) if c["name"] == "dose-plausibility"]
    assert check["value"] == pytest.approx(value, abs=1e-3)
    assert (check["at_least"], check["at_most"]) == (0.9, 1.15)
    contradiction = ledger["plausibility"]["contradiction"]
    assert (contradiction is None) == (0.9 <= value <= 1.15)
    if contradiction and (value < 0.9 or value > 1.15):
        assert f"{gy:.3f} Gy" in contradiction and contradiction in ledger["warnings"]
        for word in (
            "dose_kind",
            "fractions",
            "prescription_gy",
            "overrides",
            f"reads as {reads_as}",
        ):
            assert word in check["advice"]


@pytest.mark.parametrize(
    ("row", "prescription", "agrees"),
    [
        ({}, None, None),
        ({"dose_kind": "total"}, None, 1.0),
        ({"dose_kind": "per_fraction"}, None, 0.0),  # contradicts PLAN, and nothing confirms it
        ({"dose_kind": "per_fraction"}, 60.0, 1.0),  # 2 Gy x 30
        ({"dose_kind": "per_fraction"}, 2.0, 0.0),
    ],
)
def test_row_kind_against_objects(row, prescription, agrees, tmp_path: Path) -> None:
    ledger = ledger_of(tmp_path, uniform(2.0), plan(prescription_gy=prescription), row=row)
    found = [c["value"] for c in checks(ledger) if c["name"] == "dose-kind"]
    assert found == ([] if agrees is None else [agrees])


def test_highest_target_is_the_prescription(tmp_path: Path) -> None:
    data = plan(prescription_gy=60.0)
    boost = deepcopy(data.DoseReferenceSequence[0])
    boost.TargetPrescriptionDose = 66.0
    data.DoseReferenceSequence.append(boost)
    assert ledger_of(tmp_path, uniform(66.0), data)["prescription_gy"] == 66.0


def size_of(ledger) -> dict:
    (check,) = [c for c in checks(ledger) if c["name"] == "dose-plausibility"]
    return check


def test_without_any_evidence_it_is_held(tmp_path: Path) -> None:
    check = size_of(ledger_of(tmp_path, uniform(60.0)))
    assert check["holds"] and "neither a prescription nor a number of fractions" in check["reason"]
    assert "prescription_gy" in check["advice"] and "fractions" in check["advice"]


@pytest.mark.parametrize(
    ("gy", "n", "value", "fits"),
    [
        (63.0, 30, 2.1, True),
        (42.0, 15, 2.8, True),
        (34.0, 5, 6.8, True),
        (2.1, 30, 0.07, False),  # one fraction
        (2.1, 1, 2.1, False),  # nothing per fraction is wrong with that
        (60.0, 5, 12.0, False),
        (11.6, 3, 3.867, False),  # one of three fractions of radiosurgery
        (18.0, 15, 1.2, False),
    ],
)
def test_number_of_fractions_and_size_are_evidence(gy, n, value, fits, tmp_path: Path) -> None:
    check = size_of(ledger_of(tmp_path, uniform(gy), plan(planned=(n,))))
    passed = check["at_least"] <= check["value"] <= (check["at_most"] or 1e9)
    assert passed == fits
    if check["unit"] == "Gy per fraction":
        assert check["value"] == pytest.approx(value, abs=1e-2)
    else:
        assert check["value"] == pytest.approx(gy, abs=1e-2) and check["at_least"] == 20


def test_doses_of_beams_unmask_a_single_fraction(tmp_path: Path) -> None:
    """2.1 Gy called a PLAN; its two beams have 2 Gy a fraction, times 30."""
    data = plan()
    for beam in data.FractionGroupSequence[0].ReferencedBeamSequence:
        beam.BeamDose = 1.0
    check = size_of(ledger_of(tmp_path / "a", uniform(2.1), data))
    assert check["value"] == pytest.approx(0.035) and "reads as per_fraction" in check["advice"]
    row = {"dose_kind": "per_fraction"}
    ledger = ledger_of(tmp_path / "b", uniform(2.1), data, row=row)
    assert ledger["total_maximum_gy"] == pytest.approx(63, abs=0.01)
    assert size_of(ledger)["value"] == pytest.approx(1.05) and ledger["row_kind_agrees"]


def test_a_prescription_of_one_fraction_is_not_believed(tmp_path: Path) -> None:
    """Plan, or row, prescribe 2 Gy: the dose fits, but neither 30 fractions nor a course."""
    ledger = ledger_of(tmp_path / "a", uniform(2.1), plan(prescription_gy=2.0))
    assert "0.070 Gy a fraction" in ledger["plausibility"]["contradiction"]
    ledger = ledger_of(tmp_path / "b", uniform(2.1), row={"prescription_gy": "2"})
    assert "at least 8 Gy expected" in ledger["plausibility"]["contradiction"]


def test_only_plan_beside_a_dose_counts_for_size_only(tmp_path: Path) -> None:
    """Pseudonymised one by one: the dose names a UID that the plan has lost."""
    other = plan(uid="1.2.826.0.1.77", prescription_gy=60.0)
    ledger = ledger_of(tmp_path / "a", uniform(63.0), other)
    assert ledger["source_of_prescription"] == "plan beside the dose"
    assert ledger["plausibility"]["value"] == pytest.approx(1.05) and ledger["fractions"] is None
    assert ledger_of(tmp_path / "b", uniform(2.1), other)["plausibility"]["contradiction"]
    two = other, plan(uid="1.2.826.0.1.78", prescription_gy=60.0)
    assert "reason" in size_of(ledger_of(tmp_path / "c", uniform(63.0), *two))


def test_centigray_tagged_gray(tmp_path: Path) -> None:
    objects = uniform(6369.0), plan(prescription_gy=60.0)
    with pytest.raises(ValueError, match=r"write dose_units: cGy .* \(63\.69 Gy\)"):
        ledger_of(tmp_path / "a", *objects, max_total_gy=100.0)
    row = {"dose_units": "cGy"}
    ledger = ledger_of(tmp_path / "b", *objects, row=row, max_total_gy=100.0)
    assert ledger["total_maximum_gy"] == pytest.approx(63.69, abs=1e-3)
    assert any("1.0 taken for 0.01 Gy" in w for w in ledger["warnings"])
    with pytest.raises(ValueError, match=r"leave dose_units empty: .* 63\.00 Gy"):
        ledger_of(tmp_path / "c", uniform(63.0), row=row, max_total_gy=100.0)


def test_row_multiplies_a_plan_that_is_one_fraction(tmp_path: Path) -> None:
    row = {"dose_kind": "per_fraction", "fractions": "30"}
    ledger = ledger_of(tmp_path, uniform(2.0), row=row)
    assert ledger["rule"] == "PLAN, row: per_fraction x 30"
    assert ledger["total_maximum_gy"] == pytest.approx(60, abs=1e-4)
    assert any("the row says per_fraction" in w for w in ledger["warnings"])


def test_total_times_fractions_is_too_much(tmp_path: Path) -> None:
    row = {"dose_kind": "per_fraction", "fractions": "30"}
    with pytest.raises(ValueError, match=r"1800\.00 Gy .* above 120 Gy"):
        ledger_of(tmp_path, uniform(60.0), row=row, max_total_gy=120.0)


def test_near_maximum_passes_over_a_hot_voxel() -> None:
    values = np.full(100_000, 60.0)
    values[0], values[1:20_000] = 90, 10
    assert near_maximum(values) == pytest.approx(60)
    found = plausibility(60.0, 60.0, 1, kind="per_fraction")
    assert found["contradiction"] is None and found["reads_as"] == "total or per_fraction"
