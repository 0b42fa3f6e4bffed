"""Synthetic patients: what is written against the truth beside it, read by independent readers."""

import hashlib
import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from scipy import ndimage

from ricenet.phantom.command import main
from ricenet.phantom.files import make_subject
from ricenet.phantom.study import make_study
from ricenet.phantom.subject import STREAMS, random_streams

SETTINGS = {"seed": 3, "canvas_mm": 3.0, "scale": 1.0}
FLIP = np.diag([-1.0, -1.0, 1.0, 1.0])
SUBJECTS = ("P001", "P002", "P003")


def times(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*")}


@pytest.fixture(scope="session")
def study(tmp_path_factory):
    """Make three subjects, the last two later than the first."""
    out = tmp_path_factory.mktemp("phantom")
    table = make_study(out, subjects=1, nifti=True, processes=1, **SETTINGS)
    assert len(table.read_text().splitlines()) == 2
    before = times(out / "P001")
    make_study(out, subjects=3, nifti=True, processes=1, **SETTINGS)
    assert times(out / "P001") == before
    return out


def truth_of(folder: Path) -> dict:
    return json.loads((folder / "truth" / "truth.json").read_text())


def load(path: Path) -> tuple[np.ndarray, np.ndarray]:
    image = nib.load(path)
    return np.asarray(image.dataobj), image.affine


def read_series(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """(X, Y, Z) array and RAS affine of a DICOM series, as SimpleITK reads it."""
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    image = reader.Execute()
    lps = np.eye(4)
    directions = np.array(image.GetDirection()).reshape(3, 3)
    lps[:3, :3] = directions * np.array(image.GetSpacing())
    lps[:3, 3] = image.GetOrigin()
    return sitk.GetArrayFromImage(image).transpose(2, 1, 0), FLIP @ lps


def apply(matrix: np.ndarray | list, point: np.ndarray | list) -> np.ndarray:
    matrix = np.asarray(matrix)
    return matrix[:3, :3] @ np.asarray(point) + matrix[:3, 3]


def centroid(mask: np.ndarray, affine: np.ndarray) -> np.ndarray:
    return apply(affine, np.argwhere(mask).mean(axis=0))


def digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


# --- the label model


# --- what is made, and from what


def test_a_subject_made_alone_has_the_same_bytes(study, tmp_path):
    """Neither the run nor the number of subjects beside it matters."""
    again = make_subject(tmp_path, 1, nifti=True, **SETTINGS)
    assert digests(again) == digests(study / "P002")
    assert not list(tmp_path.glob(".*"))


def test_seed_and_subject_decide_every_stream():
    first = {
        key: {name: rng.random() for name, rng in random_streams(*key).items()}
        for key in ((3, 1), (3, 2), (4, 1))
    }
    values = [value for streams in first.values() for value in streams.values()]
    assert len(set(values)) == 3 * len(STREAMS)
    again = {name: rng.random() for name, rng in random_streams(3, 1).items()}
    assert again == first[3, 1]


@pytest.mark.parametrize(
    ("flag", "value"), [("--seed", "4"), ("--scale", "1.5"), ("--canvas-mm", "2.5")]
)
def test_a_finished_subject_of_other_settings_is_refused(study, capsys, flag, value):
    given = {"--out": str(study), "--subjects": "1", "--seed": "3", "--canvas-mm": "3"}
    before = digests(study)
    arguments = [part for pair in {**given, flag: value}.items() for part in pair]
    assert main(arguments) == 1
    message = capsys.readouterr().err
    assert "P001" in message
    assert "--out" in message
    assert digests(study) == before


def test_tables_name_existing_paths(study):
    for name in ("subjects.tsv", "subjects-nifti.tsv"):
        header, *rows = [line.split("\t") for line in (study / name).read_text().splitlines()]
        assert header[:7] == ["subject", "label", "postop", "event", "dose", "ct", "fractions"]
        assert [row[1] for row in rows] == ["recurrence", "recurrence", "RICE"]
        for row in rows:
            assert all((study / path).exists() for path in row[2:6])
    assert header[7:] == ["dose_kind", "dose_units", "dose_frame"]
    assert rows[1][6:] == ["33", "per_fraction", "Gy", "ct"]
    assert rows[0][6:] == ["30", "total", "Gy", "ct"]


# --- geometry of the images


@pytest.mark.parametrize("subject", SUBJECTS)
@pytest.mark.parametrize("series", ["postop", "event"])
def test_series_lies_where_its_truth_lies(study, subject, series):
    pixels, affine = read_series(study / subject / "dicom" / series)
    mask, mask_affine = load(study / subject / "truth" / f"{series}_brain-mask.nii.gz")
    assert pixels.shape == mask.shape
    np.testing.assert_allclose(affine, mask_affine, atol=1e-4)
    as_nifti, nifti_affine = load(study / subject / "nifti" / f"{series}.nii.gz")
    np.testing.assert_array_equal(as_nifti, pixels)
    np.testing.assert_allclose(nifti_affine, affine, atol=1e-4)


def test_ct_holds_hounsfield_units(study):
    pixels, affine = read_series(study / "P001" / "dicom" / "ct")
    as_nifti, nifti_affine = load(study / "P001" / "nifti" / "ct.nii.gz")
    np.testing.assert_array_equal(as_nifti, pixels)
    np.testing.assert_allclose(nifti_affine, affine, atol=1e-4)
    truth = truth_of(study / "P001")
    matrix = np.linalg.inv(truth["ct_to_postop"])
    voxel = np.round(apply(np.linalg.inv(affine) @ matrix, truth["cavity_postop_mm"])).astype(int)
    assert abs(pixels[tuple(voxel)] - 10) < 40  # fluid
    assert np.median(pixels[0]) == pytest.approx(-1000, abs=10)  # air beside the head
    assert pixels.max() > 800  # bone


@pytest.mark.parametrize("subject", SUBJECTS)
def test_brain_is_upright_and_left_is_left(study, subject):
    for series in ("postop", "event"):
        mask, affine = load(study / subject / "truth" / f"{series}_brain-mask.nii.gz")
        assert mask.sum() == mask[1:-1, 1:-1, 1:-1].sum()  # the field of view holds the brain
        extent = np.ptp(np.argwhere(mask) @ affine[:3, :3].T, axis=0)
        assert extent[1] > extent[0]  # a brain is longer than wide
        pixels, _ = load(study / subject / "nifti" / f"{series}.nii.gz")
        # The neck hangs below: bright tissue far under the brain, none far above it.
        bright = np.argwhere(pixels > 0.4 * np.median(pixels[mask > 0])) @ affine[:3, :3].T
        height = bright[:, 2] - (np.argwhere(mask) @ affine[:3, :3].T)[:, 2].mean()
        assert np.percentile(height, 0.1) < -80
        assert np.percentile(height, 99.9) < 110
    mask, affine = load(study / subject / "truth" / "postop_cavity.nii.gz")
    brain, _ = load(study / subject / "truth" / "postop_brain-mask.nii.gz")
    side = (centroid(mask, affine) - centroid(brain, affine))[0]
    assert np.sign(side) == np.sign(truth_of(study / subject)["cavity_canvas_mm"][0])


@pytest.mark.parametrize("subject", SUBJECTS)
def test_lesion_and_cavity_are_where_the_truth_says_and_look_so(study, subject):
    truth = truth_of(study / subject)
    for series, finding in (("event", "lesion"), ("postop", "cavity")):
        pixels, affine = read_series(study / subject / "dicom" / series)
        brain, _ = load(study / subject / "truth" / f"{series}_brain-mask.nii.gz")
        mask, _ = load(study / subject / "truth" / f"{series}_{finding}.nii.gz")
        spacing = np.linalg.norm(affine[:3, :3], axis=0)
        offset = centroid(mask, affine) - truth[f"{finding}_{series}_mm"]
        assert np.linalg.norm(offset) < 0.6 * spacing.max()
        tissue = np.median(pixels[(brain > 0) & ~ndimage.binary_dilation(mask, iterations=8)])
        if finding == "lesion":
            assert np.percentile(pixels[mask > 0], 75) > 1.2 * tissue
        else:
            assert np.percentile(pixels[mask > 0], 25) < 0.6 * tissue
        assert 300 < mask.sum() * spacing.prod() < 25_000  # mm3


@pytest.mark.parametrize("subject", SUBJECTS)
def test_transforms_map_the_landmarks_and_agree_with_each_other(study, subject):
    truth = truth_of(study / subject)
    moved = apply(truth["postop_to_event"], truth["lesion_postop_mm"])
    np.testing.assert_allclose(moved, truth["lesion_event_mm"], atol=2e-3)
    assert np.linalg.norm(np.subtract(moved, truth["lesion_postop_mm"])) > 1  # the head moved
    chain = np.array(truth["postop_to_event"]) @ truth["ct_to_postop"]
    np.testing.assert_allclose(chain, truth["ct_to_event"], atol=1e-6)
    for name in ("postop_to_event", "ct_to_postop", "ct_to_event"):
        turn = np.array(truth[name])[:3, :3]
        np.testing.assert_allclose(turn @ turn.T, np.eye(3), atol=1e-7)
        assert np.linalg.det(turn) == pytest.approx(1)


@pytest.mark.parametrize("subject", SUBJECTS)
def test_postop_brain_lands_on_the_event_brain(study, subject):
    """Pull the post-op mask over with the truth's matrix; without it they overlap less."""
    truth = truth_of(study / subject)
    (postop, from_postop), (event, from_event) = (
        load(study / subject / "truth" / f"{name}_brain-mask.nii.gz")
        for name in ("postop", "event")
    )

    def dice(postop_to_event: np.ndarray) -> float:
        pull = np.linalg.inv(from_postop) @ np.linalg.inv(postop_to_event) @ from_event
        moved = ndimage.affine_transform(
            postop, pull[:3, :3], pull[:3, 3], output_shape=event.shape, order=0
        )
        return 2 * (moved & event).sum() / (moved.sum() + event.sum())

    right = dice(np.array(truth["postop_to_event"]))
    assert right > 0.96
    assert right > dice(np.eye(4)) + 0.01
    assert right > dice(np.linalg.inv(truth["postop_to_event"])) + 0.01


# --- dose


@pytest.mark.parametrize("subject", SUBJECTS)
def test_stored_dose_times_scaling_is_the_total(study, subject):
    truth = truth_of(study / subject)
    item = pydicom.dcmread(study / subject / "dicom" / "rt" / "RD.dcm")
    plan = pydicom.dcmread(study / subject / "dicom" / "rt" / "RP.dcm")
    single = truth["dose_kind"] == "per_fraction"
    assert single == (subject == "P002")
    assert item.DoseSummationType == ("FRACTION_SESSION" if single else "PLAN")
    assert item.ReferencedRTPlanSequence[0].ReferencedSOPInstanceUID == plan.SOPInstanceUID
    assert plan.ApprovalStatus == "APPROVED"
    planned = plan.FractionGroupSequence[0].NumberOfFractionsPlanned
    assert planned == truth["fractions"]
    assert plan.DoseReferenceSequence[0].TargetPrescriptionDose == truth["prescription_gy"]
    factor = float(item.DoseGridScaling) * (planned if single else 1)
    dose = item.pixel_array.transpose(2, 1, 0) * factor
    total, _ = load(study / subject / "truth" / "dose_total.nii.gz")
    np.testing.assert_allclose(dose, total, atol=factor)
    assert total.max() == pytest.approx(truth["dose_max_gy"], abs=1e-3)
    assert 1.0 < total.max() / truth["prescription_gy"] < 1.15
    stored, _ = load(study / subject / "nifti" / "dose.nii.gz")
    np.testing.assert_allclose(stored * (planned if single else 1), total, atol=1e-3)


@pytest.mark.parametrize("subject", SUBJECTS)
def test_dose_grid_as_an_independent_reader_sees_it(study, subject):
    image = sitk.ReadImage(str(study / subject / "dicom" / "rt" / "RD.dcm"))
    total, affine = load(study / subject / "truth" / "dose_total.nii.gz")
    np.testing.assert_allclose(image.GetSpacing(), np.linalg.norm(affine[:3, :3], axis=0))
    np.testing.assert_allclose(image.GetOrigin(), (FLIP @ affine)[:3, 3], atol=1e-4)
    assert image.GetSize() == total.shape
    if subject == "P003":
        assert len(set(image.GetSpacing())) == 3  # rows and columns can be told apart


@pytest.mark.parametrize("subject", SUBJECTS)
def test_dose_covers_the_cavity(study, subject):
    truth = truth_of(study / subject)
    total, affine = load(study / subject / "truth" / "dose_total.nii.gz")
    centre = apply(np.linalg.inv(truth["ct_to_postop"]), truth["cavity_postop_mm"])
    voxel = apply(np.linalg.inv(affine), centre)
    at_cavity = ndimage.map_coordinates(total, voxel[:, None], order=1)[0]
    assert at_cavity >= 0.9 * truth["prescription_gy"]
    reach = truth["cavity_radius_mm"] + truth["target_margin_mm"] + 10
    hottest = apply(affine, np.unravel_index(total.argmax(), total.shape))
    assert np.linalg.norm(hottest - centre) < reach
    high = np.argwhere(total > 0.95 * truth["prescription_gy"]) @ affine[:3, :3].T + affine[:3, 3]
    assert np.percentile(np.linalg.norm(high - centre, axis=1), 95) < reach


def test_higher_dose_latent_gives_a_wider_high_dose(study):
    """The finding of the dose channel, measured on the voxels, follows its latent."""
    radius, latent = [], []
    for subject in SUBJECTS:
        truth = truth_of(study / subject)
        total, affine = load(study / subject / "truth" / "dose_total.nii.gz")
        voxels = (total > 0.95 * truth["prescription_gy"]).sum()
        volume = voxels * abs(np.linalg.det(affine))
        radius.append((3 * volume / (4 * np.pi)) ** (1 / 3))
        latent.append(truth["latents"]["dose"])
    assert np.argsort(radius).tolist() == np.argsort(latent).tolist()


def test_frames_of_reference_and_dates(study):
    for subject in SUBJECTS:
        folder = study / subject / "dicom"
        items = {
            name: pydicom.dcmread(next((folder / name).glob("*1.dcm")), stop_before_pixels=True)
            for name in ("postop", "event", "ct")
        }
        items |= {name: pydicom.dcmread(folder / "rt" / f"{name}.dcm") for name in ("RD", "RP")}
        frames = {name: item.FrameOfReferenceUID for name, item in items.items()}
        assert frames["ct"] == frames["RD"] == frames["RP"]
        assert len({frames["ct"], frames["postop"], frames["event"]}) == 3
        assert items["postop"].StudyDate < items["RP"].RTPlanDate < items["event"].StudyDate
        assert {str(item.PatientName) for item in items.values()} == {f"PHANTOM^{subject}"}
        assert {item.PatientIdentityRemoved for item in items.values()} == {"YES"}
        uids = [
            str(pydicom.dcmread(path, stop_before_pixels=True).SOPInstanceUID)
            for path in folder.rglob("*.dcm")
        ]
        assert len(set(uids)) == len(uids)


# --- parts
