"""T1, T2 and FLAIR of a phantom, 2D of thick slices, onto its T1ce, against the truth."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from registrations import SETTINGS, mirrored, on_isotropic
from ricenet.image import transforms
from ricenet.image.interpolation import sample
from ricenet.image.volume import Volume, load, save
from ricenet.ingest import ingest_mri
from ricenet.phantom.files import make_subject
from ricenet.preprocess import register
from step_run import run_step

pytestmark = [pytest.mark.long, pytest.mark.timeout(2700)]
NAMES = {"t1": "T1", "t2": "T2", "flair": "FLAIR"}


@pytest.fixture(scope="module")
def heads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Isotropic scans of a phantom, the event visit's brain mask, and the truth."""
    folder = tmp_path_factory.mktemp("sequences")
    raw = make_subject(folder, 0, seed=3, canvas_mm=2.0, scale=1.0, nifti=False, sequences=True)
    for name in ("event", *NAMES):
        volume, _ = ingest_mri.read(raw / "dicom" / name, min_slices=3)
        save(folder / f"{name}.nii.gz", on_isotropic(volume))
    save(folder / "flair_mirrored.nii.gz", mirrored(load(folder / "flair.nii.gz")))
    event, brain = load(folder / "event.nii.gz"), load(raw / "truth/event_brain-mask.nii.gz")
    mask = sample(brain, event.data.shape, event.affine, interpolator="nearest")
    save(folder / "brain.nii.gz", Volume((mask.data > 0).astype(np.uint8), mask.affine))
    (folder / "truth.json").write_text((raw / "truth/truth.json").read_text())
    return folder


def registered(heads: Path, out: Path, name: str, sequence: str) -> tuple[dict, Path]:
    record = run_step(
        register.main, out / f"{name}.json", SETTINGS, moving=heads / f"{name}.nii.gz",
        fixed=heads / "event.nii.gz", masks=[heads / "brain.nii.gz"],
        sequences=json.dumps([sequence, "T1ce"]), out=out / f"{name}.tfm",
    )  # fmt: skip
    return {check["check"]: check["verdict"] for check in record["checks"]}, out / f"{name}.tfm"


@pytest.mark.parametrize("name", NAMES)
def test_half_a_millimetre(heads: Path, tmp_path: Path, name: str) -> None:
    verdicts, file = registered(heads, tmp_path, name, NAMES[name])
    truth = np.linalg.inv(json.loads((heads / "truth.json").read_text())[f"{name}_to_event"])
    points = transforms.points_in(load(heads / "brain.nii.gz"))
    found = transforms.map_points(transforms.read(file), points)
    beside_mm = np.linalg.norm(found - (points @ truth[:3, :3].T + truth[:3, 3]), axis=1)
    print(f"{name}: mean {beside_mm.mean():.3f}, worst {beside_mm.max():.3f} mm")
    assert beside_mm.max() < 0.5
    assert set(verdicts.values()) == {"pass"} and len(verdicts) == 5 + (name == "t1")


def test_a_mirrored_flair_is_held_back(heads: Path, tmp_path: Path) -> None:
    verdicts, _ = registered(heads, tmp_path, "flair_mirrored", "FLAIR")
    assert verdicts["left-right"] == "fail"


def test_a_flair_in_the_place_of_the_t2_is_held_back(heads: Path, tmp_path: Path) -> None:
    verdicts, _ = registered(heads, tmp_path, "flair", "T2")
    assert verdicts["brain-contrast"] == "fail"
