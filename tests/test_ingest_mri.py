"""ingest_mri: against dcm2niix and dicom2nifti on real series, and damaged synthetic ones."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from pydicom.uid import RLELossless

from dicom_phantoms import (
    CANARIES,
    FEW_SLICES,
    HEADS,
    enhanced,
    needs,
    slice_of,
    world_value,
    write,
    write_series,
)
from ricenet import ingest_mri
from ricenet.volume import Volume, load

REAL = [*FEW_SLICES, *HEADS]
LPS_FROM_RAS = np.diag([-1, -1, 1])


def read(path: Path, min_slices: int = 3):
    return ingest_mri.read(path, min_slices=min_slices)


def canonical(image) -> tuple[np.ndarray, np.ndarray]:
    """Voxels and affine after axes were put in the order and direction of RAS."""
    image = nib.as_closest_canonical(image)
    data = np.asarray(image.dataobj, dtype=np.float64)
    return data[..., 0] if data.ndim == 4 else data, image.affine


def differences(volume: Volume, other) -> tuple[float, float]:
    """Largest difference of voxels and of affines."""
    data, affine = canonical(nib.Nifti1Image(volume.data, volume.affine))
    other_data, other_affine = canonical(other)
    assert data.shape == other_data.shape
    return np.abs(data - other_data).max(), np.abs(affine - other_affine).max()


def run(raw: Path, folder: Path, min_slices: int = 3) -> dict:
    out, record = folder / "postop_native.nii.gz", folder / "postop_native.json"
    ingest_mri.main(
        [
            "--raw",
            str(raw),
            "--out",
            str(out),
            "--settings",
            json.dumps({"min_slices": min_slices}),
            "--record",
            str(record),
            "--log",
            str(folder / "log.txt"),
        ]
    )
    return json.loads(record.read_text())


# --- real data against other programs ------------------------------------------------------------


@pytest.mark.parametrize("name", REAL)
def test_real_series_as_dcm2niix_reads_it(name: str, tmp_path: Path) -> None:
    volume, facts = read(needs(name))
    # n: the rescale slope of DICOM, not the private "precise" one of Philips
    precise = "n" if "philips_enhanced" in name else "y"
    options = ["-p", precise, "-z", "n", "-f", "out", "-o", str(tmp_path)]
    command = [sys.executable, "-m", "dcm2niix", *options]
    subprocess.run([*command, str(needs(name))], check=True, capture_output=True)
    images = list(tmp_path.glob("*.nii"))
    assert len(images) == 1
    voxels, affine = differences(volume, nib.load(images[0]))
    assert affine < 1e-3
    assert voxels < 1e-6 * volume.data.max()
    assert facts["source"] == "dicom" and facts["slices"] == volume.data.shape[2]


@pytest.mark.parametrize("name", REAL[:8])
def test_real_series_as_dicom2nifti_reads_it(name: str) -> None:
    volume, _ = read(needs(name))
    voxels, affine = differences(volume, nib.load(needs(f"{name}.dicom2nifti.nii.gz")))
    assert affine < 1e-4
    assert voxels < 1e-6 * volume.data.max()


@pytest.mark.parametrize(
    ("name", "least", "message"),
    [
        ("mr_broken/slicecount", 3, "2 slices, at least 3"),
        ("mr_broken/sliceorientation", 3, "2 slices, at least 3"),
        ("mr_broken/gantrytilting", 3, "gantry tilt of 14.00 degrees"),
        ("pydicom_small_and_broken/emri_small.dcm", 3, "without functional groups"),
        ("pydicom_small_and_broken/test-SR.dcm", 3, "no MR or CT image"),
        ("pydicom_small_and_broken/zipMR.gz", 3, "no DICOM object among 1 files"),
        ("pydicom_small_and_broken/MR_small.dcm", 3, "1 slices, at least 3"),
        ("pydicom_small_and_broken/meta_missing_tsyntax.dcm", 3, "unreadable header"),
        ("pydicom_small_and_broken", 3, "unreadable header"),
    ],
)
def test_real_broken_input_is_refused(name: str, least: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read(needs(name), least)


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


def test_identical_copy_is_dropped_and_recorded(tmp_path: Path) -> None:
    folder = write_series(tmp_path / "s")
    shutil.copy(next(folder.glob("*.dcm")), folder / "copy.dcm")
    volume, facts = read(folder)
    assert facts["dropped_duplicates"] == 1
    assert volume.data.shape[2] == 6


def drop(planes):
    del planes[3]


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
        (drop, r"missing slice.*4\.400 mm after slice 3, usually 2\.200 mm.*\[0\.0, 2\.2, 4\.4, 8"),
        (repeat_position, "duplicate positions: 6 images at 5 places"),
        (second_patient, "several patients: PatientID differ"),
        (second_birth_date, "several patients: PatientBirthDate differ"),
        (second_study, "2 studies"),
        (second_series, "2 series: MR, 2 slices of 9 x 7; MR, 4 slices of 9 x 7"),
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
        (no_position, r"file \d of 6 in name order: ImagePositionPatient has 0 values"),
        (no_spacing, "PixelSpacing .* not positive"),
        (skewed, "not two perpendicular"),
        (same_uid, "same SOP Instance UID but differ"),
        (constant, "every voxel has the value -10"),
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


def test_localiser_series_beside_the_volume_is_listed(tmp_path: Path) -> None:
    folder = write_series(tmp_path / "s")
    extra = slice_of(9)
    extra.SeriesInstanceUID += ".8"
    extra.save_as(folder / "extra.dcm", enforce_file_format=True)
    with pytest.raises(ValueError, match="MR, 1 slices of 9 x 7; MR, 6 slices"):
        read(folder)


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
    command = [sys.executable, "-m", "ricenet.ingest_mri", "--raw", str(raw), *options]
    done = subprocess.run(
        [*command, "--settings", '{"min_slices":3}'], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "the pixel data cannot be decoded" in done.stderr
    assert not any(c in done.stdout + done.stderr for c in (*CANARIES, str(raw)))
