"""repeats: copies under other names, and echoes or phases told apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset

from dicom_phantoms import CANARIES, enhanced, slice_of, write
from ricenet.dicom import files
from ricenet.dicom.repeats import without_copies
from ricenet.dicom.slices import Slice, slices
from ricenet.dicom.stack import stack


def twice(folder: Path, change, *, keep_pixels: bool = False) -> list[Slice]:
    """Planes of a series in which each of four places is taken twice; ``change`` edits one."""
    objects = []
    for k in range(4):
        one, other = slice_of(k), slice_of(k)
        other.SOPInstanceUID += ".9"
        if not keep_pixels:
            other.PixelData = (other.pixel_array + 1).astype("<i2").tobytes()
        change(one, other)
        objects += [one, other]
    found, _ = files.find(write(folder, *objects))
    return [plane for file in found for plane in slices(file)]


def nothing(_, __):
    pass


def echo(one, other):
    one.EchoTime, other.EchoTime = 4.92, 13.5


def phase(one, other):
    one.ImageType, other.ImageType = ["ORIGINAL", "PRIMARY", "M"], ["ORIGINAL", "PRIMARY", "P"]


def odd_type(one, other):
    other.ImageType = ["ORIGINAL", "PRIMARY", "CANARY"]


def time_point(one, other):
    one.AcquisitionNumber, other.AcquisitionNumber = 1, 2
    one.TemporalPositionIdentifier, other.TemporalPositionIdentifier = 1, 2
    one.AcquisitionTime, other.AcquisitionTime = "101112", "101113"


def b_value(one, other):
    one.DiffusionBValue = 0.0
    other.DiffusionBValue = 1000.0


def hidden_number(one, other):
    one.AcquisitionTime, other.AcquisitionTime = "101112", "101113"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (echo, r"they differ in EchoTime \(4\.92, 13\.5 ms\);"),
        (phase, r"they differ in ImageType \(ORIGINAL\\PRIMARY\\M, ORIGINAL\\PRIMARY\\P\);"),
        (odd_type, r"ImageType \(ORIGINAL\\PRIMARY\\M, ORIGINAL\\PRIMARY\\…\);"),
        (
            time_point,
            r"TemporalPositionIdentifier \(1, 2\) and AcquisitionNumber \(1, 2\) and "
            r"AcquisitionTime \(values not shown\);",
        ),
        (b_value, r"DiffusionBValue \(0\.0, 1000\.0 s/mm2\);"),
        (hidden_number, r"they differ in AcquisitionTime \(values not shown\);"),
        (nothing, "nothing in their headers tells them apart"),
    ],
)
def test_images_at_one_place_are_told_apart(change, message: str, tmp_path: Path) -> None:
    planes = twice(tmp_path, change)
    assert len(without_copies(planes)) == 8
    with pytest.raises(ValueError, match=message) as caught:
        stack(planes, min_slices=3)
    assert "duplicate positions: 8 images at 4 places, for example 2 at 0.00 mm" in str(
        caught.value
    )
    assert not any(c in str(caught.value) for c in (*CANARIES, "101112"))


def test_copies_under_another_uid_are_dropped(tmp_path: Path) -> None:
    planes = twice(tmp_path, nothing, keep_pixels=True)
    kept = without_copies(planes)
    assert [p.file.label for p in kept] == [p.file.label for p in planes[::2]]
    alone = stack(planes[::2], min_slices=3)
    np.testing.assert_array_equal(stack(kept, min_slices=3).data, alone.data)


@pytest.mark.parametrize(
    ("keyword", "value"), [("RescaleSlope", 2), ("RescaleIntercept", 3), ("PixelSpacing", [1, 1])]
)
def test_same_pixels_on_another_scale_are_no_copy(keyword, value, tmp_path: Path) -> None:
    planes = twice(tmp_path, lambda _, o: setattr(o, keyword, value), keep_pixels=True)
    assert len(without_copies(planes)) == 8


def test_frames_of_an_enhanced_object(tmp_path: Path, monkeypatch) -> None:
    """Two frames at one place, told apart by their own groups; the file is read once."""
    data = enhanced()
    groups = data.PerFrameFunctionalGroupsSequence
    groups[1].PlanePositionSequence = groups[0].PlanePositionSequence
    for group, ms in zip(groups, (3.5, 7.0, 3.5, 3.5, 3.5), strict=True):
        group.MREchoSequence = [Dataset()]
        group.MREchoSequence[0].EffectiveEchoTime = ms
    (file,), _ = files.find(write(tmp_path, data))
    planes = without_copies(slices(file))
    with pytest.raises(ValueError, match=r"5 images at 4 places.*EchoTime \(3\.5, 7\.0 ms\)"):
        stack(planes, min_slices=3)
