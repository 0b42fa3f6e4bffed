"""repeats: copies under other names, and echoes or phases told apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset

from dicom_phantoms import CANARIES, enhanced, slice_of, write
from ricenet.dicom import files, planes
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
    pairs = twice(tmp_path, change)
    assert len(without_copies(pairs)) == 8
    with pytest.raises(ValueError, match=message) as caught:
        stack(pairs, min_slices=3)
    assert "duplicate positions: 8 images at 4 places, for example 2 at 0.00 mm" in str(
        caught.value
    )
    assert not any(c in str(caught.value) for c in (*CANARIES, "101112"))


def test_copies_under_another_uid_are_dropped(tmp_path: Path) -> None:
    pairs = twice(tmp_path, nothing, keep_pixels=True)
    kept = without_copies(pairs)
    assert [p.file.label for p in kept] == [p.file.label for p in pairs[::2]]
    alone = stack(pairs[::2], min_slices=3)
    np.testing.assert_array_equal(stack(kept, min_slices=3).data, alone.data)


@pytest.mark.parametrize(
    ("keyword", "value"), [("RescaleSlope", 2), ("RescaleIntercept", 3), ("PixelSpacing", [1, 1])]
)
def test_same_pixels_on_another_scale_are_no_copy(keyword, value, tmp_path: Path) -> None:
    pairs = twice(tmp_path, lambda _, o: setattr(o, keyword, value), keep_pixels=True)
    assert len(without_copies(pairs)) == 8


def test_frames_of_an_enhanced_object(tmp_path: Path, monkeypatch) -> None:
    """Two frames at one place, told apart by their own groups; the file is read once."""
    data = enhanced()
    groups = data.PerFrameFunctionalGroupsSequence
    groups[1].PlanePositionSequence = groups[0].PlanePositionSequence
    for group, ms in zip(groups, (3.5, 7.0, 3.5, 3.5, 3.5), strict=True):
        group.MREchoSequence = [Dataset()]
        group.MREchoSequence[0].EffectiveEchoTime = ms
    (file,), _ = files.find(write(tmp_path, data))
    frames = without_copies(slices(file))
    with pytest.raises(ValueError, match=r"5 images at 4 places.*EchoTime \(3\.5, 7\.0 ms\)"):
        stack(frames, min_slices=3)


# --- what a series is, and how much is read ------------------------------------------------------


def enhanced_time_points(folder: Path, count: int, **content) -> list:
    """One enhanced object a time point; frames say which, in the elements of ``content``."""
    objects = []
    for t in range(count):
        data = enhanced()
        data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = (
            f"{data.SOPInstanceUID}.{t}"
        )
        data.PixelData = (data.pixel_array + t).astype("<i2").tobytes()
        for group in data.PerFrameFunctionalGroupsSequence:
            group.FrameContentSequence = [Dataset()]
            group.MRDiffusionSequence = [Dataset()]
            for keyword, value in content.items():
                where = (
                    group.MRDiffusionSequence if "BValue" in keyword else group.FrameContentSequence
                )
                setattr(where[0], keyword, value(t))
        objects.append(data)
    return files.find(write(folder, *objects))[0]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"TemporalPositionIndex": lambda t: t + 1}, "a time series, up to 7 images a place"),
        ({"FrameAcquisitionDateTime": lambda t: f"2021031410111{t}"}, "a time series"),
        ({"DiffusionBValue": lambda t: 100.0 * t}, "diffusion, up to 7 images a place"),
    ],
)
def test_a_4d_series_is_named_in_a_short_line_and_read_once(
    content, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Refusing 7 objects of 5 frames opens each of them once for its pixels."""
    found = enhanced_time_points(tmp_path, 7, **content)
    opened: list[str] = []
    decode = planes.pydicom.dcmread

    def counted(path, **options):
        opened.append(str(path))
        return decode(path, **options)

    monkeypatch.setattr(planes.pydicom, "dcmread", counted)
    frames = [plane for file in found for plane in slices(file)]
    with pytest.raises(ValueError, match=said) as caught:
        stack(without_copies(frames), min_slices=3)
    assert "duplicate positions: 35 images at 5 places" in str(caught.value)
    assert len(str(caught.value)) < 400
    assert sorted(opened) == sorted(str(file.path) for file in found)


def test_a_long_time_series_is_one_short_line(tmp_path: Path) -> None:
    """The list of 400 positions is for the log."""
    objects = []
    for t in range(50):
        for k in range(8):
            data = slice_of(k, shape=(2, 2))
            data.SOPInstanceUID += f".{t}"
            data.TemporalPositionIdentifier = t + 1
            data.PixelData = (data.pixel_array + t).astype("<i2").tobytes()
            objects.append(data)
    found, _ = files.find(write(tmp_path, *objects))
    frames = [plane for file in found for plane in slices(file)]
    with pytest.raises(ValueError, match="a time series, up to 50 images a place") as caught:
        stack(without_copies(frames), min_slices=3)
    assert len(str(caught.value)) < 400
    (listed,) = caught.value.__notes__
    assert listed.startswith("slices lie at [0.0, 0.0,") and len(listed) > 2000
