"""ingest_mri: phantoms whose voxels know their place, damaged series, and the step itself.

Real series, beside other programs: test_real_series.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import RLELossless

from dicom_phantoms import (
    CANARIES,
    UID,
    enhanced,
    slice_of,
    world_value,
    write,
    write_series,
)
from ricenet.dicom.describe import series_code
from ricenet.image.volume import Volume, load, save
from ricenet.ingest import ingest_mri

LPS_FROM_RAS = np.diag([-1, -1, 1])


def read(path: Path, wanted: str = ""):
    return ingest_mri.read(path, min_slices=3, wanted=wanted)


def run(raw: Path, folder: Path, *options: str) -> dict:
    out, record = folder / "postop_native.nii.gz", folder / "postop_native.json"
    ingest_mri.main(
        [
            "--raw",
            str(raw),
            "--out",
            str(out),
            "--settings",
            json.dumps({"min_slices": 3}),
            "--record",
            str(record),
            "--log",
            str(folder / "log.txt"),
            *options,
        ]
    )
    return json.loads(record.read_text())


# --- synthetic series ----------------------------------------------------------------------------


def assert_voxels_know_their_place(volume: Volume) -> None:
    """Each voxel holds a function of its LPS position: the affine must lead there."""
    index = np.moveaxis(np.indices(volume.data.shape), 0, -1)
    ras = index @ volume.affine[:3, :3].T + volume.affine[:3, 3]
    expected = world_value(ras @ LPS_FROM_RAS) * 0.5 - 10
    # positions are stored with six digits: a value next to one half may round the other way
    assert np.abs(volume.data - expected).max() <= 0.5
    assert (volume.data == expected).mean() > 0.99


def test_oblique_series_unequal_spacing_names_in_no_order(tmp_path: Path) -> None:
    volume, facts = read(write_series(tmp_path / "s"))
    assert volume.data.shape == (7, 9, 6)
    assert volume.data.dtype == np.float32
    np.testing.assert_allclose(volume.spacing_mm, (0.75, 1.5, 2.2), atol=1e-5)
    assert_voxels_know_their_place(volume)
    assert facts["ignored_files"] == 0 and len(facts["frame"]) == 16


def test_enhanced_frames_are_sorted_by_position(tmp_path: Path) -> None:
    folder = write(tmp_path, enhanced())
    volume, facts = read(next(folder.glob("*.dcm")))
    assert volume.data.shape == (7, 9, 5)
    assert_voxels_know_their_place(volume)
    assert facts["slices"] == 5


def test_junk_beside_the_series_is_counted(tmp_path: Path) -> None:
    folder = write_series(tmp_path / "s")
    (folder / "readme.txt").write_text("CANARY")
    (folder / "._hidden.dcm").write_bytes(b"\0\5\x16\7")
    _, facts = read(folder)
    assert facts["ignored_files"] == 2


def test_identical_copies_are_dropped_and_recorded(tmp_path: Path) -> None:
    """One file twice, and one image twice under two names."""
    folder = write_series(tmp_path / "s")
    shutil.copy(next(folder.glob("*.dcm")), folder / "copy.dcm")
    twin = slice_of(2)
    twin.SOPInstanceUID += ".9"
    twin.save_as(folder / "twin.dcm", enforce_file_format=True)
    volume, facts = read(folder)
    assert facts["dropped_duplicates"] == 2 and facts["slices"] == 6
    assert_voxels_know_their_place(volume)
    assert volume.data.shape[2] == 6


def drop(planes):
    del planes[3]


def shift(planes):
    for k, plane in enumerate(planes[3:]):
        plane.ImagePositionPatient = slice_of(k + 3, step_mm=2.4).ImagePositionPatient


def repeat_position(planes):
    planes[2].ImagePositionPatient = planes[1].ImagePositionPatient


def second_patient(planes):
    planes[4].PatientID = "CANARY-OTHER"


def second_birth_date(planes):
    planes[4].PatientBirthDate = "19450618"


def second_study(planes):
    planes[4].StudyInstanceUID += ".7"


def second_series(planes):
    for plane in planes[:2]:
        plane.SeriesInstanceUID += ".7"


def second_frame(planes):
    planes[4].FrameOfReferenceUID += ".7"


def turn(planes):
    planes[2].ImageOrientationPatient = [1, 0, 0, 0, 1, 0]


def resize(planes):
    planes[2].Rows, planes[2].Columns = 7, 9


def respace(planes):
    planes[2].PixelSpacing = [1.5, 0.8]


def tilt(planes):
    for k, plane in enumerate(planes):
        x, y, z = plane.ImagePositionPatient
        plane.ImagePositionPatient = [x, y, float(z) + 0.5 * k]


def sideways(planes):
    x, y, z = planes[2].ImagePositionPatient
    planes[2].ImagePositionPatient = [x, y, float(z) + 0.5]


def colour(planes):
    planes[2].SamplesPerPixel, planes[2].PhotometricInterpretation = 3, "RGB"


def cut(planes):
    planes[2].PixelData = planes[2].PixelData[:40]


def no_pixels(planes):
    del planes[2].PixelData


def inverted(planes):
    planes[2].PhotometricInterpretation = "MONOCHROME1"


def burned_in(planes):
    planes[2].BurnedInAnnotation = "YES"


def lookup_table(planes):
    planes[2].ModalityLUTSequence = [Dataset()]


def localiser(planes):
    planes[2].ImageType = ["ORIGINAL", "PRIMARY", "LOCALIZER"]


def no_position(planes):
    del planes[2].ImagePositionPatient


def no_spacing(planes):
    planes[2].PixelSpacing = [0, 1]
    for plane in planes:
        plane.PixelSpacing = [0, 1]


def skewed(planes):
    for plane in planes:
        plane.ImageOrientationPatient = [1, 0, 0, 0.5, 1, 0]


def same_uid(planes):
    planes[2].SOPInstanceUID = planes[3].SOPInstanceUID


def constant(planes):
    for plane in planes:
        plane.PixelData = bytes(len(plane.PixelData))


def beyond_float32(planes):
    planes[2].RescaleSlope = 1e38


def too_few(planes):
    del planes[2:]


def compressed(planes):
    for plane in planes:
        plane.compress(RLELossless)


def zero_slope(planes):
    planes[2].RescaleSlope = 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (drop, r"missing slice.*4\.400 mm after slice 3, usually 2\.200 mm \(1 of 4 distances"),
        (shift, r"uneven distance: 2\.800 mm after slice 3, usually 2\.400 mm"),
        (repeat_position, "duplicate positions: 6 images at 5 places"),
        (second_patient, "several patients: PatientID differ"),
        (second_birth_date, "several patients: PatientBirthDate differ"),
        (second_study, "2 studies"),
        (second_series, "2 series .*: MR, [24] slices .*: MR, [24] slices of 9 x 7, 2.2 mm"),
        (second_frame, "2 frames of reference"),
        (turn, "mixed orientation"),
        (resize, "mixed matrix"),
        (respace, "mixed pixel spacing"),
        (tilt, "gantry tilt of 12"),
        (sideways, "straight line"),
        (colour, r"file \d of 6 in name order is not a plain grey-scale"),
        (cut, r"file \d of 6 in name order: truncated, 40 of 126 bytes"),
        (no_pixels, r"file \d of 6 in name order: truncated, 0 of 126 bytes"),
        (localiser, r"file \d of 6 in name order is a localiser"),
        (inverted, r"file \d of 6 in name order is stored inverted"),
        (burned_in, r"file \d of 6 in name order has text burned into"),
        (lookup_table, r"file \d of 6 in name order: a lookup table"),
        (no_position, r"file \d of 6 in name order: ImagePositionPatient has 0 values"),
        (no_spacing, "PixelSpacing .* not positive"),
        (skewed, "not two perpendicular"),
        (same_uid, "same SOP Instance UID but differ"),
        (constant, "every voxel has the value -10"),
        (beyond_float32, "63 voxels are NaN or infinite"),
        (too_few, "2 slices, at least 3"),
        (zero_slope, "rescale slope 0"),
    ],
)
def test_damaged_series_is_refused(change, message: str, tmp_path: Path) -> None:
    folder = write_series(tmp_path / "s", change)
    with pytest.raises(ValueError, match=message) as caught:
        read(folder)
    assert not any(c in str(caught.value) for c in (*CANARIES, str(tmp_path)))


def test_damaged_files_are_named_by_their_place(tmp_path: Path) -> None:
    folder = write_series(tmp_path / "s")
    third = sorted(folder.iterdir())[2]
    whole = third.read_bytes()
    for content in (b"", b"no DICOM at all", whole[:100]):
        third.write_bytes(content)
        with pytest.raises(ValueError, match=r"^file 3 of 6 in name order is named like DICOM"):
            read(folder)
    third.write_bytes(whole[:400])
    with pytest.raises(ValueError, match=r"^file 3 of 6 in name order: Rows has 0"):
        read(folder)


def two_series(folder: Path) -> Path:
    """Two volumes and a localiser of one patient."""

    def rename(planes):
        for plane in planes:
            plane.SeriesInstanceUID, plane.SeriesDescription = f"{UID}.2.8", "T1 gd CANARY"

    def localise(planes):
        localiser(planes)
        for plane in planes:
            plane.SeriesInstanceUID = f"{UID}.2.9"
            plane.ImageType = planes[2].ImageType

    write_series(folder / "a")
    write_series(folder / "b", rename, count=5)
    write_series(folder / "c", localise)
    return folder


def test_series_by_its_code(tmp_path: Path) -> None:
    folder = two_series(tmp_path / "s")
    with pytest.raises(ValueError, match=r'2 series that could be meant.*"T1 gd …"'):
        read(folder)
    for uid, count in ((f"{UID}.2", 6), (f"{UID}.2.8", 5)):
        volume, facts = read(folder, series_code(uid))
        assert_voxels_know_their_place(volume)
        assert volume.data.shape[2] == facts["slices"] == count
        assert facts["series"] == series_code(uid)
        assert len(facts["left_out_series"]) == 2 and facts["ignored_files"] == 17 - count
    with pytest.raises(ValueError, match="'CANARY' is not the code of a series"):
        read(folder, "CANARY")


def test_code_beside_a_converted_image_is_a_mistake(tmp_path: Path) -> None:
    save(tmp_path / "a.nii.gz", Volume(np.ones((4, 4, 4), np.float32), np.eye(4)))
    with pytest.raises(ValueError, match="a converted image has no series"):
        read(tmp_path / "a.nii.gz", "0123abcd")


# --- the step ------------------------------------------------------------------------------------


def test_step_writes_volume_and_record_without_identity(tmp_path: Path) -> None:
    raw = write_series(tmp_path / "CANARY-raw")
    folder = tmp_path / "sub"
    record = run(raw, folder)
    volume = load(folder / "postop_native.nii.gz")
    assert_voxels_know_their_place(volume)
    assert record["facts"]["modality"] == "MR"
    assert record["outputs"]["out"][0]["shape"] == [7, 9, 6]
    written = (folder / "postop_native.json").read_text() + (folder / "log.txt").read_text()
    assert not any(c in written for c in (*CANARIES, str(raw)))


def test_step_takes_the_series_and_logs_the_others(tmp_path: Path) -> None:
    raw, folder = two_series(tmp_path / "CANARY-raw"), tmp_path / "sub"
    code = series_code(f"{UID}.2.8")
    record = run(raw, folder, "--series", code)
    assert record["outputs"]["out"][0]["shape"] == [7, 9, 5]
    log = (folder / "log.txt").read_text()
    assert f"series {code} taken, left out: {series_code(f'{UID}.2')}" in log
    assert not any(c in log + json.dumps(record) for c in (*CANARIES, str(raw)))


def checks_of(tmp_path: Path, **elements) -> tuple[dict[str, str], str, dict]:
    """Verdicts by name, log and facts of a series whose slices have some elements."""

    def change(planes):
        for plane in planes:
            for keyword, value in elements.items():
                setattr(plane, keyword, value)

    record = run(write_series(tmp_path / "raw", change), tmp_path / "sub")
    named = ("weighting", "repetition-time")
    verdicts = {c["check"]: c["verdict"] for c in record["checks"] if c["check"] in named}
    return verdicts, (tmp_path / "sub/log.txt").read_text(), record["facts"]


@pytest.mark.parametrize(
    ("elements", "verdicts"),
    [
        ({"EchoTime": 2.5, "ScanningSequence": "GR"}, {"weighting": "pass"}),
        (
            {"EchoTime": 90, "ScanningSequence": "SE"},
            {"weighting": "fail", "repetition-time": "not made"},
        ),
        (
            {"EchoTime": 12, "RepetitionTime": 3000, "ScanningSequence": "SE"},
            {"weighting": "pass", "repetition-time": "fail"},
        ),
        ({"EchoTime": 90, "Modality": "CT"}, {}),
    ],
)
def test_weighting_is_checked_in_mr(elements, verdicts, tmp_path: Path) -> None:
    found, _, facts = checks_of(tmp_path, **elements)
    assert found == verdicts
    assert facts["contrast_agent"] == (None if "Modality" in elements else False)


def test_missing_agent_and_echo_time_are_only_logged(tmp_path: Path) -> None:
    verdicts, log, facts = checks_of(tmp_path)
    assert verdicts["weighting"] == "not made"
    assert "no contrast agent" in log and "check not made: weighting" in log
    assert facts["contrast_agent"] is False


def test_agent_is_recorded_without_its_name(tmp_path: Path) -> None:
    _, log, facts = checks_of(tmp_path, ContrastBolusAgent="CANARY", EchoTime=3)
    assert facts["contrast_agent"] is True and facts["acquisition"]["echo_ms"] == 3
    assert "agent" not in log and "CANARY" not in log + json.dumps(facts)


def test_step_leaves_nothing_behind_when_it_refuses(tmp_path: Path, capfd) -> None:
    raw = write_series(tmp_path / "CANARY-raw", cut)
    folder = tmp_path / "sub"
    folder.mkdir()
    with pytest.raises(ValueError):
        run(raw, folder)
    assert {p.name for p in folder.iterdir()} == {"log.txt", "log.failed.json"}
    shown = (folder / "log.txt").read_text() + "".join(capfd.readouterr())
    assert "truncated" in shown
    assert not any(c in shown for c in (*CANARIES, str(raw)))


def test_program_says_nothing_of_identity_where_pydicom_would_warn(tmp_path: Path) -> None:
    """A cut compressed file: pydicom's warning quotes the path."""
    raw = write_series(
        tmp_path / "CANARY-raw", lambda planes: [p.compress(RLELossless) for p in planes]
    )
    victim = next(raw.iterdir())
    victim.write_bytes(victim.read_bytes()[:-60])
    options = ["--out", str(tmp_path / "o.nii.gz"), "--record", str(tmp_path / "r.json")]
    command = [sys.executable, "-m", "ricenet", "ingest_mri", "--raw", str(raw), *options]
    done = subprocess.run(
        [*command, "--settings", '{"min_slices":3}'], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "the pixel data cannot be decoded" in done.stderr
    assert not any(c in done.stdout + done.stderr for c in (*CANARIES, str(raw)))
