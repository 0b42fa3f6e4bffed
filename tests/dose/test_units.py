"""Relative doses: refused, unless the row says what they are relative to."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dicom_phantoms import SCALING, STORED, dose, plan, read_dose, write
from ricenet.dose.ledger import checks

ROW = {"dose_units": "relative", "relative_one_gy": "2", "prescription_gy": "120"}


def relative():
    data = dose()
    data.DoseUnits = "RELATIVE"
    return data


def test_relative_dose_is_converted_on_request(tmp_path: Path) -> None:
    volume, facts = read_dose(write(tmp_path, relative(), plan()), ROW)
    np.testing.assert_allclose(volume.data, 2 * SCALING * STORED.transpose(2, 1, 0))
    ledger = facts["ledger"]
    assert ledger["maximum_gy"] == 120
    assert any("1.0 taken for 2 Gy, as the row says" in w for w in ledger["warnings"])
    (check,) = checks(ledger)
    assert check["value"] == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("column", list(ROW))
def test_relative_dose_without_its_columns_is_refused(column: str, tmp_path: Path) -> None:
    row = {k: v for k, v in ROW.items() if k != column}
    with pytest.raises(ValueError, match=r"are RELATIVE, not GY; .* dose_units: relative"):
        read_dose(write(tmp_path, relative(), plan()), row)


def test_relative_to_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="are RELATIVE, not GY"):
        read_dose(write(tmp_path, relative()), ROW | {"relative_one_gy": "0"})


def test_row_that_calls_gy_relative_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"the row says relative, but .* is an RTDOSE in Gy"):
        read_dose(write(tmp_path, dose()), ROW)
