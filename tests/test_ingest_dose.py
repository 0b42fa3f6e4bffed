"""ingest_dose: RayStation's own answers, headers in eight positions, synthetic objects."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from dicom_phantoms import (
    CANARIES,
    DOSE_SETTINGS,
    SCALING,
    STORED,
    UID,
    dose,
    needs,
    plan,
    read_dose,
    write,
)
from ricenet import ingest_dose
from ricenet.dicom import files
from ricenet.dose.grid import dose_affine
from ricenet.volume import load

# --- real data -----------------------------------------------------------------------------------


def raystation(folder: Path, *names: str) -> Path:
    folder.mkdir()
    for file in sorted(needs("rt").glob("*.dcm")):
        if any(name in file.name for name in names):
            shutil.copy(file, folder)
    return folder


def test_raystation_plan_and_beams(tmp_path: Path) -> None:
    both, facts = read_dose(raystation(tmp_path / "a", "3000", "4000", "5000", "ramped"))
    beams, facts_of_beams = read_dose(raystation(tmp_path / "b", "4000.", "5000.", "ramped"))
    ledger, of_beams = facts["ledger"], facts_of_beams["ledger"]
    assert ledger["rule"] == "PLAN" and of_beams["rule"] == "sum of 2 BEAM"
    assert both.data.max() == pytest.approx(2.210228, abs=1e-6)
    assert np.abs(both.data - beams.data).max() < 4.7e-5
    assert ledger["plan_minus_beams_gy"] == pytest.approx(4.6e-5, abs=1e-6)
    assert (ledger["kind"], ledger["factor"], ledger["fractions"]) == ("total", 1, 1)
    assert ledger["source_of_fractions"] == "plan"
    assert any("EFFECTIVE" in w for w in ledger["warnings"])
    assert len(ledger["objects"]) == 1 and len(of_beams["objects"]) == 2
    assert both.data.shape == (107, 107, 110)
    np.testing.assert_allclose(both.affine @ [0, 0, 0, 1], (104.5, 105.5, -108.5, 1))
    np.testing.assert_allclose(both.affine @ [106, 106, 109, 1], (-107.5, -106.5, 109.5, 1))


def test_raystation_incomplete_beams_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="1 of the plan's 2 beams"):
        read_dose(raystation(tmp_path / "a", "4000.", "ramped"))
    with pytest.raises(ValueError, match="without their RTPLAN"):
        read_dose(raystation(tmp_path / "b", "4000.", "5000."))


@pytest.mark.parametrize("name", ["rtdose", "rtdose_rle", "rtdose_expb", "rtdose_1frame"])
def test_relative_dose_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="DoseUnits are RELATIVE"):
        read_dose(needs(f"rt/pydicom/{name}.dcm"))


# first corner and last, LPS mm: ImagePositionPatient of the header, and by hand from it
CORNERS = {
    "HFS": ((-351.05, -161.45, -1259.5), (102.95, 58.55, -1059.5)),
    "HFP": ((351.05, 182.72, -1256.5), (-98.95, -57.28, -1056.5)),
    "HFDL": ((-164.95, 351.05, -1283.0), (57.05, -116.95, -1083.0)),
    "HFDR": ((172.85, -351.05, -1262.5), (-59.15, 96.95, -1062.5)),
    "FFS": ((350.95, -236.62, 1252.0), (-99.05, 59.38, 1052.0)),
    "FFP": ((-350.95, 237.88, 1257.0), (85.05, -58.12, 1057.0)),
    "FFDL": ((-202.41, -350.95, 1254.5), (57.59, 95.05, 1054.5)),
    "FFDR": ((205.15, 350.95, 1255.5), (-58.85, -123.05, 1055.5)),
}


@pytest.mark.parametrize("position", CORNERS)
def test_corners_in_eight_patient_positions(position: str) -> None:
    path = needs(f"rt_orientations/RD_{position}_header_only.dcm")
    (file,), _ = files.find(path)
    header = file.header
    last = (header.Columns - 1, header.Rows - 1, int(header.NumberOfFrames) - 1)
    affine = dose_affine(file)
    for index, lps in zip(((0, 0, 0), last), CORNERS[position], strict=True):
        np.testing.assert_allclose(
            (affine @ [*index, 1])[:3] * [-1, -1, 1], lps, atol=0.006, rtol=0
        )
    with pytest.raises(ValueError, match="truncated, 0 of"):
        read_dose(path)


# --- converted files -----------------------------------------------------------------------------

FULL_ROW = {"dose_kind": "per_fraction", "dose_units": "cGy", "dose_frame": "ct", "fractions": "30"}


def nifti(path: Path, low: float = 0.0) -> Path:
    data = np.linspace(low, 200, 60, dtype=np.float32).reshape(3, 4, 5)
    nib.save(nib.Nifti1Image(data, np.diag([2.0, 2.0, 2.0, 1.0])), path)
    return path


def test_nifti_with_its_row(tmp_path: Path) -> None:
    volume, facts = read_dose(nifti(tmp_path / "dose.nii.gz"), FULL_ROW)
    assert volume.data.max() == pytest.approx(2.0)
    assert volume.data.dtype == np.float32
    ledger = facts["ledger"]
    assert facts["frame"] == "image:ct"
    assert (ledger["kind"], ledger["factor"]) == ("per_fraction", 30)
    assert ledger["rule"] == "row: per_fraction x 30"
    assert ledger["source_of_fractions"] == "row" and len(ledger["objects"]) == 1


@pytest.mark.parametrize("column", list(FULL_ROW))
def test_nifti_with_a_gap_in_its_row_is_refused(column: str, tmp_path: Path) -> None:
    row = {k: v for k, v in FULL_ROW.items() if k != column}
    with pytest.raises(ValueError, match=column if column != "fractions" else "how many"):
        read_dose(nifti(tmp_path / "dose.nii.gz"), row)


def test_negative_nifti_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="dose from -1 to 200: negative"):
        read_dose(nifti(tmp_path / "dose.nii.gz", low=-1), FULL_ROW)


def test_row_that_contradicts_dicom(tmp_path: Path) -> None:
    folder = write(tmp_path, dose())
    with pytest.raises(ValueError, match="the row says cGy, but RTDOSE is in Gy"):
        read_dose(folder, {"dose_units": "cGy"})
    facts = read_dose(folder, {"dose_frame": "postop"})[1]
    assert facts["frame"] == "image:postop"
    assert any("places the dose on postop" in w for w in facts["ledger"]["warnings"])


# --- the step ------------------------------------------------------------------------------------


def test_step_writes_dose_and_ledger_without_identity(tmp_path: Path, capfd) -> None:
    raw, folder = write(tmp_path / "CANARY-raw", dose(), plan()), tmp_path / "sub"
    out, record, log = folder / "dose_native.nii.gz", folder / "dose_native.json", folder / "log"
    arguments = {
        "raw": raw, "row": json.dumps({"fractions": "30"}), "out": out,
        "settings": json.dumps(DOSE_SETTINGS), "record": record, "log": log,
    }  # fmt: skip
    ingest_dose.main([str(a) for k, v in arguments.items() for a in (f"--{k}", v)])
    facts = json.loads(record.read_text())["facts"]
    assert facts["frame"] == files.uid_digest(f"{UID}.9")
    assert facts["ledger"]["source_of_fractions"] == "row"
    np.testing.assert_allclose(load(out).data, SCALING * STORED.transpose(2, 1, 0))
    written = record.read_text() + log.read_text() + "".join(capfd.readouterr())
    assert "PLAN: stored maximum 60.000 Gy" in written
    assert not any(c in written for c in (*CANARIES, str(raw)))
