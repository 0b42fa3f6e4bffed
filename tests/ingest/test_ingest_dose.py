"""ingest_dose: RayStation's own answers, headers in eight positions, synthetic objects."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
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
from dose_objects import course, digests, refusal
from ricenet.dicom import files
from ricenet.dose import objects
from ricenet.dose.grid import dose_grid
from ricenet.image.volume import load
from ricenet.ingest import ingest_dose
from ricenet.provenance.digests import file_digest

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


def test_raystation_doses_are_never_all_added(tmp_path: Path) -> None:
    """PLAN and both BEAMs together would be 4.42 Gy, whatever the row says."""
    folder = raystation(tmp_path / "a", "3000", "4000", "5000", "ramped")
    rows = [{}, {"dose_kind": "total"}, {"fractions": "1"}, {"dose_kind": "per_fraction"}]
    for row in rows:
        volume, facts = read_dose(folder, row)
        assert volume.data.ndim == 3 and volume.data.max() == pytest.approx(2.210228, abs=1e-6)
        assert facts["ledger"]["total_maximum_gy"] == pytest.approx(2.210228, abs=1e-6)
    for name, maximum in (("4000", 1.952423), ("5000", 1.965906)):
        (file,), _ = files.find(raystation(tmp_path / name, f"{name}."))
        assert objects.read_dose(file, {}).volume.data.max() == pytest.approx(maximum, abs=1e-6)


def test_one_frame_and_truncated_plan_of_pydicom(tmp_path: Path) -> None:
    row = {"dose_units": "relative", "relative_one_gy": "60", "prescription_gy": "60"}
    for name in ("rtdose_1frame", "rtdose_rle_1frame", "rtdose_expb_1frame"):
        file = needs(f"rt/pydicom/{name}.dcm")
        with pytest.raises(ValueError, match="DoseUnits are RELATIVE"):
            read_dose(file)
        (found,), _ = files.find(file)
        with pytest.raises(ValueError, match="a dose of one plane is not a volume"):
            objects.read_dose(found, row).volume  # noqa: B018
    (whole,), _ = files.find(needs("rt/pydicom/rtplan.dcm"))
    assert objects.read_plan(whole).planned == 30
    assert len(objects.read_plan(whole).predecessors) == 1
    (cut,), _ = files.find(needs("rt/pydicom/rtplan_truncated.dcm"))
    with pytest.raises(ValueError, match=r"holds less than it announces .* cut short"):
        objects.read_plan(cut)


@pytest.mark.parametrize("name", ["rtdose", "rtdose_rle", "rtdose_expb"])
def test_pydicoms_relative_dose_on_request(name: str) -> None:
    """Stored maximum 1.254 in three transfer syntaxes."""
    (file,), _ = files.find(needs(f"rt/pydicom/{name}.dcm"))
    row = {"dose_units": "relative", "relative_one_gy": "60", "prescription_gy": "60"}
    found = objects.read_dose(file, row)
    expected = pydicom.dcmread(file.path)
    values = expected.pixel_array * float(expected.DoseGridScaling) * 60
    np.testing.assert_allclose(found.volume.data, values.transpose(2, 1, 0), rtol=1e-6)
    assert values.max() == pytest.approx(60 * 1.254, abs=0.1)


def test_dicompylers_plan() -> None:
    (file,), _ = files.find(needs("rt/dicompyler/rtplan.dcm"))
    found = objects.read_plan(file)
    assert (found.planned, len(found.beams), found.prescription_gy) == (7, 4, 14.0)


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
    affine, _ = dose_grid(file)
    for index, lps in zip(((0, 0, 0), last), CORNERS[position], strict=True):
        np.testing.assert_allclose(
            (affine @ [*index, 1])[:3] * [-1, -1, 1], lps, atol=0.006, rtol=0
        )
    with pytest.raises(ValueError, match="truncated, 0 of"):
        read_dose(path)


NORMALS = {"H": 1, "F": -1}  # head or feet first: along +z or -z, by hand


@pytest.mark.parametrize("position", CORNERS)
def test_voxels_in_eight_patient_positions(position: str, tmp_path: Path) -> None:
    """Made-up pixel data on three frames, which are uneven because others are left out."""
    data = pydicom.dcmread(needs(f"rt_orientations/RD_{position}_header_only.dcm"), force=True)
    offsets = [0, 2, 8]  # of frames 0, 1 and 4
    shape = (len(offsets), data.Rows, data.Columns)
    stored = np.arange(1, np.prod(shape) + 1, dtype="<u4").reshape(shape)
    data.PixelData, data.NumberOfFrames = stored.tobytes(), len(offsets)
    data.GridFrameOffsetVector, data.DoseGridScaling = offsets, 2**-12
    data.file_meta.TransferSyntaxUID = pydicom.uid.ImplicitVRLittleEndian
    data["PixelData"].VR = "OW"
    data.save_as(tmp_path / "dose.dcm", enforce_file_format=True)
    volume, _ = read_dose(tmp_path / "dose.dcm")
    row, column = (np.array(data.ImageOrientationPatient[i : i + 3], float) for i in (0, 3))
    inverse = np.linalg.inv(volume.affine)
    for frame, r, c in ((0, 0, 0), (1, 5, 7), (2, data.Rows - 1, data.Columns - 1), (2, 3, 100)):
        lps = np.array(data.ImagePositionPatient, float)
        lps += row * 2 * c + column * 2 * r + [0, 0, NORMALS[position[0]] * offsets[frame]]
        place = (inverse @ [-lps[0], -lps[1], lps[2], 1])[:3]
        np.testing.assert_allclose(place, np.rint(place), atol=1e-6)
        assert volume.data[tuple(np.rint(place).astype(int))] == stored[frame, r, c] * 2**-12
    assert volume.data.shape == (data.Columns, data.Rows, 5)


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


def test_relative_nifti_on_request(tmp_path: Path) -> None:
    path, row = nifti(tmp_path / "dose.nii.gz"), FULL_ROW | {"dose_units": "relative"}
    with pytest.raises(ValueError, match="relative_one_gy"):
        read_dose(path, row)
    row |= {"relative_one_gy": "0.3", "prescription_gy": "1800", "dose_kind": "per_fraction"}
    volume, facts = read_dose(path, row)
    assert volume.data.max() == pytest.approx(60)
    assert facts["ledger"]["source_of_prescription"] == "row"
    assert facts["ledger"]["plausibility"]["reads_as"] == "per_fraction"


def test_decision_of_a_converted_dose(tmp_path: Path) -> None:
    for kind, code in (("total", "row-total"), ("per_fraction", "row-per-fraction-x-n")):
        ledger = read_dose(nifti(tmp_path / f"{kind}.nii"), FULL_ROW | {"dose_kind": kind})[1]
        assert ledger["ledger"]["decisions"] == [code]
        assert ledger["ledger"]["row_kind_agrees"] is None


def test_negative_nifti_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="dose from -1 to 200: negative"):
        read_dose(nifti(tmp_path / "dose.nii.gz", low=-1), FULL_ROW)


def test_row_that_contradicts_dicom(tmp_path: Path) -> None:
    folder = write(tmp_path, dose())
    with pytest.raises(ValueError, match=r"the row says relative, but .* is an RTDOSE in Gy"):
        read_dose(folder, {"dose_units": "relative"})
    facts = read_dose(folder, {"dose_frame": "postop"})[1]
    assert facts["frame"] == "image:postop"
    assert any("places the dose on postop" in w for w in facts["ledger"]["warnings"])


# --- the step ------------------------------------------------------------------------------------


def run(folder: Path, raw: Path, row: dict) -> dict:
    record = folder / "dose_native.json"
    arguments = {
        "raw": raw, "row": json.dumps(row), "out": folder / "dose_native.nii.gz",
        "settings": json.dumps(DOSE_SETTINGS), "record": record,
    }  # fmt: skip
    ingest_dose.main([str(a) for k, v in arguments.items() for a in (f"--{k}", v)])
    return json.loads(record.read_text())


def test_implausible_dose_is_written_and_marked(tmp_path: Path) -> None:
    """The lock is a failed check, which holds the subject back; the step itself ends well."""
    raw = write(tmp_path / "raw", dose(), plan(prescription_gy=30.0))
    record = run(tmp_path, raw, {"dose_kind": "per_fraction", "fractions": "30"})
    verdicts = {c["check"]: c["verdict"] for c in record["checks"]}
    assert verdicts == {"dose-plausibility": "fail", "dose-kind": "fail"}
    assert all("overrides table" in c["advice"] for c in record["checks"])
    record = run(tmp_path, write(tmp_path / "b", dose(), plan(prescription_gy=60.0)), {})
    assert {c["check"]: c["verdict"] for c in record["checks"]} == {"dose-plausibility": "pass"}


def test_a_check_that_is_not_made_is_no_pass(tmp_path: Path) -> None:
    """A dose without plan and prescription: the record says so, and that it holds."""
    record = run(tmp_path, write(tmp_path / "raw", dose()), {})
    size, whole = record["checks"]
    assert (size["check"], size["verdict"], size["holds"]) == (
        "dose-plausibility", "not made", True,
    )  # fmt: skip
    assert (whole["check"], whole["verdict"]) == ("dose-delivered", "fail")


@pytest.mark.parametrize(
    ("highest_gy", "kind", "row", "verdict"),
    [
        (2.0, "total", {"fractions": "30"}, "fail"),  # 0.067 Gy a fraction
        (2.0, "per_fraction", {"fractions": "30"}, "pass"),
        (60.0, "total", {"fractions": "30"}, "pass"),
        (60.0, "total", {"prescription_gy": "60"}, "pass"),
        (60.0, "total", {}, "not made"),
        (2.0, "total", {"prescription_gy": "60"}, "fail"),
    ],
)
def test_size_of_a_converted_dose(highest_gy, kind, row, verdict, tmp_path: Path) -> None:
    data = np.full((4, 5, 6), highest_gy, np.float32)
    data[0] /= 10
    nib.save(nib.Nifti1Image(data, np.diag([2.0, 2, 2, 1])), tmp_path / "d.nii.gz")
    row = {"dose_kind": kind, "dose_units": "Gy", "dose_frame": "event"} | row
    found = {c["check"]: c["verdict"] for c in run(tmp_path, tmp_path / "d.nii.gz", row)["checks"]}
    assert found == {"dose-plausibility": verdict, "dose-kind": "not made"}


def test_parts_are_stored_in_one_file_that_only_a_dose_step_reads(tmp_path: Path) -> None:
    raw = write(tmp_path / "raw", *course())
    row = {"dose_plan": "+".join(digests(refusal(raw)).values())}
    record = run(tmp_path, raw, row)
    path = tmp_path / "dose_native.nii.gz"
    assert load(path, parts=True).data.shape == (6, 5, 4, 2)
    assert record["outputs"]["out"][0]["digest"] == file_digest(path)
    with pytest.raises(ValueError, match="4 dimensions"):
        load(path)


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
