"""Segmentations that another program has written, as its authors would."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest

from outline_objects import STEP, voxel_inside, write_image
from ricenet.ingest import ingest_mri
from ricenet.outlines import drawn_on
from ricenet.outlines.read import read

try:
    import highdicom
except ImportError:
    pytest.skip("highdicom is not installed", allow_module_level=True)

ROW = {"channel": "gtv", "name": "core"}


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    path = write_image(tmp_path_factory.mktemp("image"))
    volume, facts = ingest_mri.read(path, min_slices=3)
    return path, volume, drawn_on.read_source(path, facts, volume)


def described(number: int, label: str):
    code = highdicom.sr.CodedConcept("108369006", "SCT", "Neoplasm")
    return highdicom.seg.SegmentDescription(
        segment_number=number, segment_label=label, segmented_property_category=code,
        segmented_property_type=code, algorithm_type="MANUAL",
    )  # fmt: skip


@pytest.mark.parametrize("kind", ["BINARY", "FRACTIONAL", "LABELMAP"])
@pytest.mark.parametrize("leave_out", [True, False])
def test_segment_lies_where_it_was_drawn(image, tmp_path: Path, kind: str, leave_out: bool):
    source = [pydicom.dcmread(path) for path in sorted(image[0].iterdir())]
    for data in source:
        data.AccessionNumber = data.StudyID = data.StudyTime = ""
        data.ReferringPhysicianName, data.SliceThickness = "", STEP
    core = voxel_inside().transpose(2, 1, 0)  # planes, rows, columns
    labels = core + 2 * (np.roll(core, 20, axis=2) & ~core).astype(np.uint8)
    masks = np.stack([labels == 1, labels == 2], axis=-1)
    stored = {"BINARY": masks, "FRACTIONAL": masks * 0.5, "LABELMAP": labels}[kind]
    seg = highdicom.seg.Segmentation(
        source_images=source, pixel_array=stored.astype(np.float32 if kind[0] == "F" else np.uint8),
        segmentation_type=kind, fractional_type="OCCUPANCY", omit_empty_frames=leave_out,
        segment_descriptions=[described(1, "core"), described(2, "rim")],
        series_instance_uid=highdicom.UID(), series_number=9, instance_number=1,
        sop_instance_uid=highdicom.UID(), manufacturer="x", manufacturer_model_name="x",
        software_versions="x", device_serial_number="x",
    )  # fmt: skip
    seg.save_as(tmp_path / "seg.dcm")
    found = read(tmp_path / "seg.dcm", image[1], image[2], ROW)
    share = 0.5 if kind == "FRACTIONAL" else 1.0
    np.testing.assert_allclose(found.share, share * voxel_inside(), atol=0.003)
    assert {c["name"]: c["value"] for c in found.checks} == {
        "one-patient": 1, "mask-drawn-on": 1.0, "mask-planes": pytest.approx(0, abs=1e-3),
        "mask-inside-image": 1.0, "mask-planes-missing": 0,
    }  # fmt: skip
