"""ingest_mri on real series: beside dcm2niix and dicom2nifti, and where it must refuse."""

from __future__ import annotations

import gzip
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
import pytest

from dicom_phantoms import DATA, FEW_SLICES, HEADS, needs
from ricenet.dicom import files
from ricenet.dicom.planes import pixels
from ricenet.image.volume import Volume
from ricenet.ingest import ingest_mri

HFS, HFP = HEADS
AFFINE_MM = 1e-3


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


def dcm2niix(source: Path, folder: Path, name: str) -> nib.Nifti1Image:
    # n: the rescale slope of DICOM, not the private "precise" one of Philips
    precise = "n" if "philips_enhanced" in name else "y"
    options = ["-p", precise, "-z", "n", "-f", "out", "-o", str(folder)]
    command = [sys.executable, "-m", "dcm2niix", *options, str(source)]
    subprocess.run(command, check=True, capture_output=True)
    (image,) = folder.glob("*.nii")
    return nib.load(image)


@pytest.mark.parametrize("name", [*FEW_SLICES, *HEADS])
def test_as_dcm2niix_reads_it(name: str, tmp_path: Path) -> None:
    volume, facts = read(needs(name))
    voxels, affine = differences(volume, dcm2niix(needs(name), tmp_path, name))
    assert affine < AFFINE_MM
    # slope and intercept are applied in another order of float32 operations
    assert voxels <= 1e-6 * volume.data.max()
    assert facts["source"] == "dicom" and facts["slices"] == volume.data.shape[2]


@pytest.mark.parametrize("name", FEW_SLICES)
def test_as_dicom2nifti_reads_it(name: str) -> None:
    volume, _ = read(needs(name))
    voxels, affine = differences(volume, nib.load(needs(f"{name}.dicom2nifti.nii.gz")))
    assert affine < 1e-4
    assert voxels <= 1e-6 * volume.data.max()


def test_every_compression_gives_the_same_voxels() -> None:
    """JPEG 2000, JPEG-LS and RLE of the same four slices: three decoders, one answer."""
    first, _ = read(needs("mr_compressed/compressed"))
    for name in ("compressed_jpegls", "compressed_rle"):
        volume, _ = read(needs(f"mr_compressed/{name}"))
        np.testing.assert_array_equal(volume.data, first.data)
        np.testing.assert_allclose(volume.affine, first.affine, atol=1e-9)


def test_gap_between_slices_counts() -> None:
    """SliceThickness of the two heads says 4 mm, their positions 4.8."""
    for name in HEADS:
        volume, _ = read(needs(name))
        np.testing.assert_allclose(volume.spacing_mm, (1.015625, 1.015625, 4.8), atol=1e-4)


# --- broken as they came -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("mr_broken/slicecount", "^2 slices, at least 3"),
        # its README says that the two orientations differ; those of the stored files are equal
        ("mr_broken/sliceorientation", "^2 slices, at least 3"),
        ("mr_broken/gantrytilting", r"^gantry tilt of 14\.00 degrees"),
        ("pydicom_small_and_broken/emri_small.dcm", "without functional groups"),
        ("pydicom_small_and_broken/test-SR.dcm", "^no MR or CT image among 1"),
        ("pydicom_small_and_broken/zipMR.gz", "^no DICOM object among 1 files"),
        ("pydicom_small_and_broken/MR_small.dcm", "^1 slices, at least 3"),
        ("pydicom_small_and_broken/MR_truncated.dcm", "^1 slices, at least 3"),
        ("pydicom_small_and_broken/meta_missing_tsyntax.dcm", "unreadable header"),
        ("pydicom_small_and_broken", "unreadable header"),
        ("rt/ramped_2Gy_ver2_full.dcm", "^no MR or CT image"),
        ("rt/pydicom", "^no MR or CT image among 9 DICOM objects"),
        ("rt/dicompyler", "^1 slices, at least 3"),
        ("mr_vendors", "the folder holds (images of 5 studies|objects of several patients)"),
        ("mr_same_subject_two_positions", r"the folder holds images of \d studies"),
    ],
)
def test_broken_input_is_refused(name: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read(needs(name))


def test_pixels_of_the_truncated_file_are_refused() -> None:
    (file,), _ = files.find(needs("pydicom_small_and_broken/MR_truncated.dcm"))
    with pytest.raises(ValueError, match=r"^file 1 of 1 .*truncated, \d+ of 8192 bytes"):
        pixels(file)


ANY = [
    path.relative_to(DATA).as_posix()
    for folder in ("pydicom_small_and_broken", "rt", "rt_orientations")
    for path in sorted((DATA / folder).rglob("*"))
    if path.is_file()
]


@pytest.mark.parametrize("name", ANY)
def test_any_file_is_a_volume_or_a_clear_refusal(name: str) -> None:
    try:
        volume, facts = read(needs(name))
    except ValueError as error:
        assert 20 < len(str(error)) < 1000
        assert Path(name).name not in str(error)
    else:
        assert volume.data.ndim == 3 and min(volume.data.shape) >= 3
        assert np.isfinite(volume.data).all() and np.isfinite(volume.affine).all()
        assert facts["slices"] == volume.data.shape[2]


# --- whole heads, damaged ------------------------------------------------------------------------


@pytest.fixture
def head(tmp_path: Path) -> list[Path]:
    """Files of a copy of the supine head, in order of position."""
    shutil.copytree(needs(HFS), tmp_path / "head")
    paths = sorted((tmp_path / "head").iterdir())
    return sorted(paths, key=lambda p: float(header(p).ImagePositionPatient[0]))


def header(path: Path) -> pydicom.Dataset:
    return pydicom.dcmread(path, stop_before_pixels=True)


def edit(path: Path, change: Callable[[pydicom.Dataset], object]) -> None:
    data = pydicom.dcmread(path)
    change(data)
    data.save_as(path)


def missing(head):
    head[17].unlink()


def uneven(head):
    edit(head[0], lambda d: setattr(d, "ImagePositionPatient", shifted(d, 1.5)))


def shifted(data, mm: float) -> list[float]:
    x, y, z = data.ImagePositionPatient
    return [float(x) + mm, float(y), float(z)]


def duplicated(head):
    """A second echo at one place."""
    shutil.copy(head[3], head[3].with_name("second"))

    def change(data):
        data.SOPInstanceUID += ".9"
        data.EchoTime, data.PixelData = 9.84, bytes(len(data.PixelData))

    edit(head[3].with_name("second"), change)


def turned(head):
    edit(head[5], lambda d: setattr(d, "ImageOrientationPatient", [1, 0, 0, 0, 1, 0]))


def tilted(head):
    for k, path in enumerate(head):

        def change(data, k=k):
            x, y, z = data.ImagePositionPatient
            data.ImagePositionPatient = [x, y, float(z) + 0.5 * k]

        edit(path, change)


def colour(head):
    def change(data):
        data.SamplesPerPixel, data.PhotometricInterpretation = 3, "RGB"

    edit(head[5], change)


def localiser(head):
    edit(head[5], lambda d: setattr(d, "ImageType", ["ORIGINAL", "PRIMARY", "LOCALIZER"]))


def stranger(head):
    other = needs("mr_vendors/ge_anatomical_001")
    shutil.copy(next(other.iterdir()), head[0].with_name("other"))


def cut(head):
    head[5].write_bytes(head[5].read_bytes()[:-1000])


def two_left(head):
    for path in head[2:]:
        path.unlink()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (missing, r"missing slice.*: 9\.600 mm after slice 17, usually 4\.800 mm"),
        (uneven, r"uneven distance: 3\.300 mm after slice 34"),
        (duplicated, r"duplicate positions: 36 images at 35 places.*EchoTime \(2\.46, 9\.84 ms\)"),
        (turned, "mixed orientation"),
        (tilted, r"gantry tilt of 5\.9\d degrees"),
        (colour, "is not a plain grey-scale image"),
        (localiser, "is a localiser"),
        (stranger, "several patients: PatientID.* differ"),
        (cut, r"truncated, 130072 of 131072 bytes"),
        (two_left, "^2 slices, at least 3"),
    ],
)
def test_damaged_head_is_refused(change, message: str, head: list[Path]) -> None:
    folder = head[0].parent
    change(head)
    with pytest.raises(ValueError, match=message) as caught:
        read(folder)
    assert str(folder) not in str(caught.value)


def test_two_visits_in_one_folder_by_name(tmp_path: Path) -> None:
    """Supine and prone series beside each other: each by its code, neither without."""
    for name in HEADS:
        shutil.copytree(needs(name), tmp_path / Path(name).name)
    with pytest.raises(ValueError, match="2 studies"):
        read(tmp_path)
    for name in HEADS:
        alone, facts = read(needs(name))
        volume, chosen = ingest_mri.read(tmp_path, min_slices=3, wanted=facts["series"])
        np.testing.assert_array_equal(volume.data, alone.data)
        np.testing.assert_array_equal(volume.affine, alone.affine)
        assert chosen["ignored_files"] == 35 and len(chosen["left_out_series"]) == 1


# --- converted already ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    ["glioma_tcga_fg6692/tcia_example_t1c", "metastasis_brats_met_00110/BraTS-MET-00110-000-t1c"],
)
def test_real_nifti_as_nibabel_reads_it(name: str, tmp_path: Path) -> None:
    path = needs(f"{name}.nii.gz")
    volume, facts = read(path)
    theirs = nib.load(path)
    np.testing.assert_array_equal(volume.data, np.asarray(theirs.dataobj, np.float32))
    np.testing.assert_allclose(volume.affine, theirs.affine, atol=1e-6)
    assert facts["contrast_agent"] is None and facts["series"] is None
    cut = tmp_path / "cut.nii.gz"
    cut.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(ValueError, match="not a readable NIfTI file"):
        read(cut)
    plain = gzip.decompress(path.read_bytes())
    (tmp_path / "cut.nii").write_bytes(plain[:-1000])
    with pytest.raises(ValueError, match="truncated"):
        read(tmp_path / "cut.nii")
