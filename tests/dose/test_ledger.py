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
    if contradiction:
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


def test_without_prescription_it_says_so(tmp_path: Path) -> None:
    ledger = ledger_of(tmp_path, uniform(60.0), plan())
    assert checks(ledger) == []
    assert any("no prescription known" in w for w in ledger["warnings"])


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
