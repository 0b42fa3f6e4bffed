"""The step on files: from raw outline and image to a mask with its checks, and no identity."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from dicom_phantoms import CANARIES, UID, write
from outline_objects import (
    SHAPE,
    STEP,
    ball_contours,
    segmentation,
    structure_set,
    volume_ml,
    voxel_inside,
    write_image,
)
from ricenet.image.volume import Volume, load, save
from ricenet.ingest import ingest_mask, ingest_mri

SETTINGS = {"min_volume_ml": 0.05, "max_volume_ml": 150.0}
HEIGHTS = np.arange(SHAPE[2]) * STEP


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Path:
    """A study with the image of the outline read, and its raw data beside it."""
    folder = tmp_path_factory.mktemp("study")
    write_image(folder / "CANARY-raw" / "event")
    write(folder / "CANARY-raw" / "rt", structure_set({"CANARY": ball_contours(HEIGHTS)}))
    write(folder / "CANARY-raw" / "seg", segmentation({"CANARY": voxel_inside()}))
    arguments = ["--raw", str(folder / "CANARY-raw" / "event"), "--series="]
    files = [f"{flag}={folder}/s/P1/event_native.{end}" for flag, end in FILES]
    ingest_mri.main([*arguments, *files, "--settings", '{"min_slices": 3}'])
    return folder


FILES = (("--out", "nii.gz"), ("--record", "json"))


def run(study: Path, raw: Path, out: Path, **row) -> dict:
    """Run the step; its record."""
    image = study / "s" / "P1" / "event_native"
    ingest_mask.main([
        "--raw", str(raw), "--image-raw", str(study / "CANARY-raw" / "event"),
        "--image", f"{image}.nii.gz", "--image-record", f"{image}.json",
        "--row", json.dumps({"channel": "gtv"} | row), "--settings", json.dumps(SETTINGS),
        "--out", str(out / "gtv_native.nii.gz"), "--record", str(out / "gtv_native.json"),
        "--log", str(out / "gtv.log"),
    ])  # fmt: skip
    return json.loads((out / "gtv_native.json").read_text())


@pytest.mark.parametrize("kind", ["rt", "seg"])
def test_step_writes_mask_and_checks_without_identity(study, tmp_path, kind):
    record = run(study, study / "CANARY-raw" / kind, tmp_path)
    mask, image = load(tmp_path / "gtv_native.nii.gz"), load(study / "s/P1/event_native.nii.gz")
    np.testing.assert_allclose(mask.affine, image.affine, atol=1e-5)
    assert mask.data.shape == image.data.shape
    assert mask.data.sum(dtype=float) * mask.voxel_ml == pytest.approx(volume_ml(), rel=0.03)
    assert record["facts"]["volume_ml"] == pytest.approx(volume_ml(), rel=0.03)
    assert {c["verdict"] for c in record["checks"]} == {"pass"} and len(record["checks"]) >= 6
    for path in tmp_path.iterdir():
        text = path.read_bytes()
        assert not any(c.encode() in text for c in (*CANARIES, str(study / "CANARY-raw"))), path


def test_size_is_held_against_the_limits(study, tmp_path):
    def verdict(**row) -> str:
        record = run(study, study / "CANARY-raw" / "rt", tmp_path, **row)
        return next(c["verdict"] for c in record["checks"] if c["check"] == "mask-volume")

    assert verdict() == "pass"
    assert verdict(volume_ml=[1.0, 5.0]) == "fail" and verdict(volume_ml=[20.0, 50.0]) == "fail"


def test_converted_mask_says_what_was_not_checked(study, tmp_path, capsys):
    image = load(study / "s/P1/event_native.nii.gz")
    save(tmp_path / "mask.nii.gz", Volume(voxel_inside().astype(np.uint8), image.affine))
    record = run(study, tmp_path / "mask.nii.gz", tmp_path)
    assert record["facts"]["unknown"] == ["one-patient", "mask-drawn-on", "mask-planes"]
    unmade = [c["check"] for c in record["checks"] if c["verdict"] == "not made"]
    assert unmade == record["facts"]["unknown"]
    assert "check not made" in capsys.readouterr().err


def test_refusal_leaves_no_output_and_shows_nobody(study, tmp_path, capsys):
    data = structure_set({"GTV": ball_contours(HEIGHTS)})
    data.StructureSetROISequence[0].ReferencedFrameOfReferenceUID = f"{UID}.99"
    with pytest.raises(ValueError):
        run(study, write(tmp_path / "CANARY", data), tmp_path / "out")
    assert not list((tmp_path / "out").glob("gtv_native*"))
    assert not any(c in capsys.readouterr().err for c in CANARIES)
