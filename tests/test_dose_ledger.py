"""The ledger: prescription against near-maximum, limits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dicom_phantoms import SCALING, dose, ledger_of, plan
from ricenet.dose.ledger import near_maximum, plausibility


def uniform(gy: float, summation: str = "PLAN"):
    stored = np.full((4, 5, 6), round(gy / SCALING * 1000), np.uint32)
    stored[0] //= 10
    data = dose(summation, stored=stored)
    data.DoseGridScaling = SCALING / 1000
    return data


@pytest.mark.parametrize(
    ("gy", "summation", "row", "reads_as", "message"),
    [
        (63.0, "PLAN", {}, "total", None),
        (2.1, "FRACTION_SESSION", {}, "per_fraction", None),
        (2.1, "PLAN", {}, "", "reads as per_fraction.*write dose_kind and fractions"),
        (63.0, "FRACTION_SESSION", {}, "", "reads as total"),
        (40.0, "PLAN", {}, "", "40.000 Gy is 0.667 of the prescription 60 Gy.*neither"),
        (40.0, "PLAN", {"dose_kind": "total"}, "neither", None),
        (2.1, "PLAN", {"dose_kind": "per_fraction"}, "per_fraction", None),
    ],
)
def test_near_maximum_against_prescription(
    gy: float, summation: str, row, reads_as: str, message, tmp_path: Path
) -> None:
    objects = (uniform(gy, summation), plan(prescription_gy=60.0))
    if message:
        with pytest.raises(ValueError, match=message):
            ledger_of(tmp_path, *objects, row=row)
        return
    ledger = ledger_of(tmp_path, *objects, row=row)
    assert ledger["plausibility"]["reads_as"] == reads_as
    assert ledger["prescription_gy"] == 60
    assert any("neither" in w for w in ledger["warnings"]) == (reads_as == "neither")


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
    found, wrong = plausibility(60.0, 60.0, 1, kind="per_fraction")
    assert wrong is None and found["reads_as"] == "total or per_fraction"
