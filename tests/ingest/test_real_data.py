"""Real scanners' files, from raw data to brain masks, and two real heads through the workflow."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pydicom
import pytest
import yaml
from scipy.ndimage import map_coordinates

import whole_workflow
from dicom_phantoms import DATA, FEW_SLICES, HEADS, needs
from ricenet.image.volume import Volume, load
from ricenet.ingest import ingest_mri
from ricenet.preprocess import brain_mask, resample
from step_run import run_step
from whole_workflow import checks_of

# the study's fixture runs the whole workflow: a busy machine needs more than the suite's limit
pytestmark = pytest.mark.timeout(2700)

ROOT = Path(__file__).parents[2]
SUPINE_ML = 1552  # what HD-BET itself finds in HFS; HFP is the same brain
CONFIG = yaml.safe_load((ROOT / "config/config.yaml").read_text())
BRAIN_MASK = CONFIG["brain_mask"] | {"device": "cpu"}


@pytest.fixture
def series(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Folder with ``native.nii.gz`` and ``isotropic.nii.gz`` (1 mm) of a raw series."""
    native, isotropic = tmp_path / "native.nii.gz", tmp_path / "isotropic.nii.gz"
    raw = needs(request.param)
    for step, settings, flags in (
        (ingest_mri, CONFIG["ingest_mri"], {"raw": raw, "out": native}),
        (resample, CONFIG["resample"], {"image": native, "out": isotropic}),
    ):
        run_step(step.main, tmp_path / "record.json", settings, **flags)
    return tmp_path


def mask_of(folder: Path) -> dict:
    return run_step(
        brain_mask.main,
        folder / "mask.json",
        BRAIN_MASK,
        image=folder / "native.nii.gz",
        grid=folder / "isotropic.nii.gz",
        out=folder / "mask.nii.gz",
        threads=2,
    )


@pytest.mark.slow
@pytest.mark.parametrize("series", [*HEADS, *FEW_SLICES], indirect=True)
def test_isotropic_image_keeps_every_place(series: Path) -> None:
    """Against scipy's cubic splines, at the isotropic voxels' places in the native image."""
    native, found = load(series / "native.nii.gz"), load(series / "isotropic.nii.gz")
    np.testing.assert_allclose(found.spacing_mm, 1.0, atol=1e-5)
    assert np.abs(np.diag(found.affine)[:3]).min() > 0.5  # axes closest to R, A, S
    size_mm = np.sort(np.multiply(native.data.shape, native.spacing_mm))
    np.testing.assert_allclose(np.sort(found.data.shape), size_mm, atol=1.0)
    rng = np.random.default_rng(0)
    voxels = np.stack([rng.integers(0, n, 20_000) for n in found.data.shape])
    to_native = np.linalg.inv(native.affine) @ found.affine
    places = to_native[:3, :3] @ voxels + to_native[:3, 3:]
    last = np.reshape(native.data.shape, (3, 1)) - 1
    inside = ((places >= 0) & (places <= last)).all(0)
    assert inside.mean() > 0.3  # of three slices, the middle one lies between native ones
    expected = map_coordinates(native.data, places[:, inside], order=3, mode="mirror")
    expected = np.clip(expected, min(0, native.data.min()), native.data.max())
    values = found.data[tuple(voxels[:, inside])]
    np.testing.assert_allclose(values, expected, atol=4e-3 * native.data.max())


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.parametrize("series", HEADS[:1], indirect=True)
def test_brain_of_a_real_head_has_the_known_volume(series: Path) -> None:
    record = mask_of(series)
    assert {check["verdict"] for check in record["checks"]} == {"pass"}
    (volume,) = (c["value"] for c in record["checks"] if c["check"] == "brain-volume")
    print(f"{volume:.0f} ml")
    assert volume == pytest.approx(SUPINE_ML, rel=0.02)


@pytest.mark.slow
@pytest.mark.parametrize("series", FEW_SLICES, indirect=True)
def test_a_few_slices_are_refused(series: Path) -> None:
    with pytest.raises(ValueError, match=r"native\.nii\.gz: no brain fits a field of view of"):
        mask_of(series)
    assert not (series / "mask.nii.gz").exists()


# --- the workflow


PERSON, GLIOMA = "person", "glioma"
RAW = {
    PERSON: HEADS,
    GLIOMA: (
        "glioma_tcga_fg6692/tcia_example_t1.nii.gz",
        "glioma_tcga_fg6692/tcia_example_t1c.nii.gz",
    ),
}
SHAPE = (112, 112, 112)


def write_study(folder: Path) -> Path:
    """Tables and configuration of two patients without label or cohort."""
    rows = ["subject\tlabel\tpostop\tevent"]
    rows += ["\t".join([name, "", *(str(DATA / path) for path in RAW[name])]) for name in RAW]
    (folder / "subjects.tsv").write_text("\n".join(rows) + "\n")
    (folder / "c1.tsv").write_text("subject\tsplit\tfold\n")
    # one person scanned twice on one day is no follow-up, and is held back until it is said so
    decision = f"{PERSON}\ttimeline/event-after-postop\taccept\ttests\ttwo positions, one day"
    (folder / "overrides.tsv").write_text(f"subject\tcheck\tdecision\twho\twhy\n{decision}\n")
    demo = yaml.safe_load((ROOT / "config/demo/config.yaml").read_text())
    values = {
        "study": "real",
        "results": str(folder / "results"),
        "subjects": str(folder / "subjects.tsv"),
        "cohort": str(folder / "c1.tsv"),
        "overrides": str(folder / "overrides.tsv"),
        "channels": [{"name": name, "kind": "mri"} for name in ("postop", "event")],
        "resample": {"spacing_mm": 2.0},
        "crop": {"shape": list(SHAPE)},
        "register": demo["register"],
        "occlusion_map": {"ablations": []},
    }
    path = folder / "real.yaml"
    path.write_text(yaml.safe_dump(values))
    return path


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    for path in (*RAW[PERSON], *RAW[GLIOMA]):
        needs(path)
    folder = tmp_path_factory.mktemp("real-study")
    root = folder / "results" / "real"
    config = write_study(folder)
    result = whole_workflow.run(config)
    assert result.returncode == 0, (result.stdout + result.stderr)[-6000:]
    yield root
    whole_workflow.keep(root)


@pytest.mark.long
@pytest.mark.parametrize("subject", list(RAW))
def test_cache_holds_two_standardised_brains(subject: str, study: Path) -> None:
    cache = np.load(study / "caches" / f"{subject}.npy", allow_pickle=False)
    mask = load(study / "subjects" / subject / "brain-mask_cropped.nii.gz")
    brain = mask.data > 0
    assert cache.shape == (2, *SHAPE)
    assert cache.dtype == np.float16
    assert 900 < brain.sum() * mask.voxel_ml < 2200
    np.testing.assert_allclose(mask.spacing_mm, 2.0, atol=1e-5)
    # whole, with a margin: nothing of it touches the box
    assert not any(brain.take(place, axis).any() for axis in range(3) for place in (0, -1))
    for channel in cache.astype(np.float32):
        assert not channel[~brain].any()
        assert (channel[brain] != 0).mean() > 0.98
        assert abs(channel[brain].mean()) < 0.02
        assert channel[brain].std() == pytest.approx(1, abs=0.02)


@pytest.mark.long
@pytest.mark.parametrize(("subject", "likeness"), [(PERSON, 0.7), (GLIOMA, 0.4)])
def test_both_visits_show_the_same_brain(subject: str, likeness: float, study: Path) -> None:
    """The glioma's visits are of two contrasts and 5.5 mm slices; the person's are alike."""
    gates = checks_of(study, subject, "postop_to-event")
    volumes = [
        checks_of(study, subject, f"{channel}_brain-mask")["brain-volume"]["value"]
        for channel in ("postop", "event")
    ]
    print(subject, {k: v["value"] for k, v in gates.items()}, volumes)
    assert gates["brain-overlap"]["value"] > 0.95
    assert gates["brain-correlation"]["value"] > likeness
    assert volumes[0] == pytest.approx(volumes[1], rel=0.05)
    if subject == PERSON:
        assert volumes == pytest.approx([SUPINE_ML] * 2, rel=0.02)


@pytest.mark.long
def test_mask_of_the_glioma_is_the_published_one(study: Path) -> None:
    """At the places of the workflow's own 2 mm voxels."""
    found = load(study / "subjects" / GLIOMA / "event_brain-mask.nii.gz")
    published = load(needs("glioma_tcga_fg6692/bet_tcia_example_t1c_mask.nii.gz"))
    overlap = dice_at(found, published)
    print(f"Dice {overlap:.4f}")
    assert overlap > 0.97


def dice_at(found: Volume, other: Volume) -> float:
    to_other = np.linalg.inv(other.affine) @ found.affine
    voxels = np.indices(found.data.shape).reshape(3, -1)
    places = to_other[:3, :3] @ voxels + to_other[:3, 3:]
    there = map_coordinates(other.data, places, order=0).reshape(found.data.shape) > 0
    return 2 * (there & (found.data > 0)).sum() / (there.sum() + (found.data > 0).sum())


def words_of(path: Path) -> set[bytes]:
    """What identifies a person, a scan or a place in a DICOM file."""
    header = pydicom.dcmread(path, stop_before_pixels=True)
    names = ("InstitutionName", "StationName", "PatientID", "StudyDescription", "StudyID")
    found = {str(header.get(name, "")) for name in (*names, "DeviceSerialNumber")}
    for element in header.iterall():
        standard = str(element.value).startswith("1.2.840.10008.")
        if element.VR in ("PN", "DA", "DT", "UI") and element.value and not standard:
            found.add(str(element.value))
    # 'HFS' and '1' occur everywhere by chance
    return {text.encode() for text in found if len(text) > 4}


@pytest.mark.long
def test_nothing_of_the_raw_headers_is_written(study: Path) -> None:
    words = {str(DATA).encode()}
    for path in RAW[PERSON]:
        for file in sorted((DATA / path).glob("*.dcm")):
            words |= words_of(file)
    assert {b"crlab", b"19700606", b"20220407"} < words
    assert len(words) > 70  # each slice has its own UID
    pattern = re.compile(b"|".join(re.escape(word) for word in sorted(words)))
    seen = 0
    for path in study.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            content = gzip.decompress(content) if path.suffix == ".gz" else content
            hit = pattern.search(content)
            assert hit is None, f"{path.relative_to(study)} holds {hit and hit.group()!r}"
            seen += 1
    assert seen > 50


@pytest.mark.long
def test_report_shows_patients_before_there_is_a_cohort(study: Path) -> None:
    page = (study / "cohorts/c1/report/index.html").read_text()
    assert "No cohort has been evaluated yet" in page
    assert page.count("data:image/png;base64,") == len(RAW)
    for name in RAW:
        assert f'id="subject-{name}"' in page
