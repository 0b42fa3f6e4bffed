"""completeness: losses that leave an even grid, and numbers that only look like losses."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydicom.dataset import Dataset

from dicom_phantoms import enhanced, slice_of, write
from ricenet.dicom import files
from ricenet.dicom.completeness import completeness
from ricenet.dicom.slices import slices
from ricenet.dicom.stack import arrange
from ricenet.image.volume import Volume


def whole(count: int = 12, **elements):
    """Slices 2.2 mm apart whose headers say everything about it."""
    planes = [slice_of(k) for k in range(count)]
    for plane in planes:
        plane.SliceThickness = plane.SpacingBetweenSlices = 2.2
        plane.MRAcquisitionType = "3D"
        plane.add_new(0x00201002, "IS", count)
        for keyword, value in elements.items():
            setattr(plane, keyword, value)
    return planes


def of(folder: Path, planes):
    found, _ = files.find(write(folder, *planes))
    arranged = arrange([p for file in found for p in slices(file)], min_slices=3)
    step_mm = Volume(None, arranged.affine).spacing_mm[2]
    return completeness(found, arranged.planes, step_mm)


def test_a_whole_series_passes(tmp_path: Path) -> None:
    found = of(tmp_path, whole())
    assert found.missing == 0 and found.said == []
    assert found.distance == pytest.approx(1, abs=1e-4)


def without(keyword, planes):
    for plane in planes:
        delattr(plane, keyword)
    return planes


@pytest.mark.parametrize(
    ("kept", "missing", "said"),
    [
        (slice(None, None, 2), 6, "InstanceNumber runs from 1 to 11 over 6 images"),
        (slice(None, None, 3), 8, "InstanceNumber runs from 1 to 10 over 4 images"),
        (slice(2, None), 2, "InstanceNumber runs from 3 to 12 over 10 images"),
        (slice(None, -1), 1, "ImagesInAcquisition is 12, 11 slices are there"),
    ],
)
def test_lost_slices_are_counted(kept, missing: int, said: str, tmp_path: Path) -> None:
    found = of(tmp_path, whole()[kept])
    assert found.missing == missing and said in found.said


@pytest.mark.parametrize("witness", ["InstanceNumber", "ImagesInAcquisition"])
def test_each_number_alone_tells_every_second_lost(witness: str, tmp_path: Path) -> None:
    planes = whole()[::2]
    other = {"InstanceNumber": "ImagesInAcquisition", "ImagesInAcquisition": "InstanceNumber"}
    for keyword in (other[witness], "SliceThickness", "SpacingBetweenSlices"):
        without(keyword, planes)
    found = of(tmp_path, planes)
    assert found.missing >= 5 and witness in found.said[0] and found.distance is None


@pytest.mark.parametrize(
    ("gone", "said"),
    [
        ("SpacingBetweenSlices", "3D slices 2.2 mm thick lie 4.4 mm apart"),
        ("SliceThickness", "SpacingBetweenSlices is 2.2 mm, slices lie 4.4 mm apart"),
    ],
)
def test_each_distance_alone_tells_every_second_lost(gone, said, tmp_path: Path) -> None:
    planes = without("ImagesInAcquisition", without(gone, whole()[::2]))
    for k, plane in enumerate(planes, 1):
        plane.InstanceNumber = k
    found = of(tmp_path, planes)
    assert found.missing == 0 and said in found.said
    assert found.distance == pytest.approx(2, abs=1e-3) and found.distance > found.most


@pytest.mark.parametrize(
    "elements",
    [
        {"SliceThickness": 4.4},  # overlapping, as Philips and GE interpolate
        {"SliceThickness": 2.0, "MRAcquisitionType": "2D"},
        {"SliceThickness": 1.9, "SpacingBetweenSlices": 0.3},  # the gap alone
        {"SliceThickness": 1.1, "SpacingBetweenSlices": 1.1, "MRAcquisitionType": "2D"},
        {"SliceThickness": "", "SpacingBetweenSlices": ""},
        {"ImagesInAcquisition": 5},  # of one phase
        {"InstanceNumber": 1},  # removed by de-identification
        {"InstanceNumber": ""},
    ],
)
def test_usual_numbers_pass(elements, tmp_path: Path) -> None:
    elements = dict(elements)
    if elements.get("SpacingBetweenSlices") == 1.1:
        elements["SpacingBetweenSlices"] = 2.2
    found = of(tmp_path, whole(**elements))
    assert found.said == [] and (found.missing or 0) <= 0


@pytest.mark.parametrize("first", [13, 112, 10001])
def test_numbers_that_go_on_from_another_series_are_no_loss(first: int, tmp_path: Path) -> None:
    planes = without("ImagesInAcquisition", whole())
    for k, plane in enumerate(planes):
        plane.InstanceNumber = first + k
    assert of(tmp_path / "a", planes).missing == 0


def test_copies_and_numbers_in_hundreds_are_no_loss(tmp_path: Path) -> None:
    planes = whole()
    for k, plane in enumerate(planes):
        plane.InstanceNumber = 100 * k + 1
    assert of(tmp_path / "a", without("ImagesInAcquisition", planes)).missing is None


def test_without_numbers_nothing_is_known(tmp_path: Path) -> None:
    planes = whole()
    for keyword in (
        "InstanceNumber", "ImagesInAcquisition", "SliceThickness", "SpacingBetweenSlices",
    ):  # fmt: skip
        without(keyword, planes)
    found = of(tmp_path, planes)
    assert found.missing is None and found.distance is None


def test_private_numbers_of_ge_and_philips(tmp_path: Path) -> None:
    for group, element, creator in (
        (0x0021, 0x4F, "GEMS_RELA_01"),
        (0x2001, 0x18, "Philips Imaging DD 001"),
    ):
        planes = without("ImagesInAcquisition", whole())
        for plane in planes:
            block = plane.private_block(group, creator, create=True)
            block.add_new(element, "SS", 12)
        assert of(tmp_path / creator / "a", planes).missing == 0
        assert of(tmp_path / creator / "b", planes[:-2]).missing == 2


def test_enhanced_objects_count_their_stack_and_their_parts(tmp_path: Path) -> None:
    data = enhanced()
    for group, place in zip(data.PerFrameFunctionalGroupsSequence, (4, 1, 5, 2, 3), strict=True):
        content = Dataset()
        content.StackID, content.InStackPositionNumber = "1", place
        group.FrameContentSequence = [content]
    assert of(tmp_path / "a", [data]).missing == 0
    for group in data.PerFrameFunctionalGroupsSequence:
        group.FrameContentSequence[0].InStackPositionNumber *= 2
    assert of(tmp_path / "b", [data]).missing == 5
    data = enhanced()
    data.InConcatenationNumber, data.InConcatenationTotalNumber = 1, 3
    found = of(tmp_path / "c", [data])
    assert found.missing == 2 and "InConcatenationTotalNumber is 3" in found.said[0]
