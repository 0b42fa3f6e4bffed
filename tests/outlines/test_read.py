"""RTSTRUCT, SEG and converted masks of a made object: its volume and place, and what is refused."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from pydicom.dataset import Dataset

from dicom_phantoms import CANARIES, UID, write
from outline_objects import (
    AXES,
    BESIDE,
    HOLE,
    MIDDLE,
    ORIGIN,
    OUTER,
    SHAPE,
    SMALL,
    STEP,
    ball_contours,
    centre_ras,
    circle,
    keyhole,
    segmentation,
    structure_set,
    volume_ml,
    voxel_inside,
    write_image,
)
from ricenet.image.volume import Volume, save
from ricenet.ingest import ingest_mri
from ricenet.outlines import drawn_on
from ricenet.outlines.read import Outline, read

ROW = {"channel": "gtv"}
HEIGHTS = np.arange(SHAPE[2]) * STEP


@pytest.fixture(scope="module")
def image(tmp_path_factory) -> tuple[Path, Volume, drawn_on.Source]:
    path = write_image(tmp_path_factory.mktemp("image"))
    volume, facts = ingest_mri.read(path, min_slices=3)
    return path, volume, drawn_on.read_source(path, facts, volume)


@pytest.fixture
def outline(image, tmp_path):
    """Write objects and read the outline that they hold."""

    def made(*objects, **row) -> Outline:
        return read(write(tmp_path / "outline", *objects), image[1], image[2], ROW | row)

    return made


def ml(outline: Outline, image: Volume) -> float:
    return float(outline.share.sum(dtype=np.float64)) * image.voxel_ml


def centre(outline: Outline, image: Volume) -> np.ndarray:
    share = outline.share.astype(np.float64)
    index = [(share * axis).sum() / share.sum() for axis in np.indices(share.shape)]
    return (image.affine @ [*index, 1])[:3]


def failed(outline: Outline) -> list[str]:
    return [
        c["name"]
        for c in outline.checks
        if not c.get("at_least", -np.inf) <= c["value"] <= c.get("at_most", np.inf)
    ]


def refusal(outline, *objects, **row) -> str:
    with pytest.raises(ValueError) as caught:
        outline(*objects, **row)
    text = str(caught.value)
    assert not any(c in text for c in CANARIES) and len(text) < 400
    assert "; " in text  # the board shows what follows as what to do
    return text


BETWEEN = np.arange(0.6, SHAPE[2] * STEP, STEP)
THIRDS = np.arange(0.6, SHAPE[2] * STEP, STEP / 3)
WIDE = np.arange(1.2, SHAPE[2] * STEP, 1.6 * STEP)


@pytest.mark.parametrize("heights", [HEIGHTS, BETWEEN, THIRDS, WIDE],
                         ids=["slices", "between", "thirds", "wide"])  # fmt: skip
def test_contours_give_the_volume_and_the_place(outline, image, heights):
    found = outline(structure_set({"GTV": ball_contours(heights)}))
    assert ml(found, image[1]) == pytest.approx(volume_ml(), rel=0.02)
    np.testing.assert_allclose(centre(found, image[1]), centre_ras(), atol=0.15)
    assert failed(found) == []
    assert found.share.dtype == np.float32 and 0 <= found.share.min() <= found.share.max() == 1


def test_hole_and_second_component_are_where_they_were_drawn(outline, image):
    found = outline(structure_set({"GTV": ball_contours(HEIGHTS)}))
    local = np.moveaxis(np.indices(SHAPE), 0, -1) * [1.1, 0.9, STEP]
    to_middle = np.linalg.norm(local - MIDDLE, axis=-1)
    assert not found.share[to_middle < HOLE - 1.5].any()
    assert (found.share[(to_middle > HOLE + 1.5) & (to_middle < OUTER - 1.5)] == 1).all()
    assert (found.share[np.linalg.norm(local - BESIDE, axis=-1) < SMALL - 2] == 1).all()


def test_keyhole_contours_are_the_same_outline(outline):
    pairs = [(circle(MIDDLE, OUTER, z), circle(MIDDLE, HOLE, z)) for z in HEIGHTS]
    rings = [keyhole(*pair) if len(pair[1]) else pair[0] for pair in pairs if len(pair[0])]
    apart = [points for pair in pairs for points in pair if len(points)]
    one = outline(structure_set({"GTV": rings}))
    other = outline(structure_set({"GTV": apart}, kind="CLOSEDPLANAR_XOR"))
    np.testing.assert_allclose(one.share, other.share, atol=1e-6)


def test_copies_and_stray_clicks_are_left_out(outline, image):
    once = ball_contours(HEIGHTS)
    found = outline(structure_set({"GTV": [*once, *once[:5], once[0][:1], once[1][:2]]}))
    assert ml(found, image[1]) == pytest.approx(volume_ml(), rel=0.02)
    assert found.facts["contours_left_out"] == 7 and failed(found) == []


def test_outlines_are_chosen_and_joined_by_name(outline, image):
    shapes = {"GTV 1": (MIDDLE, OUTER), "CANARY": (MIDDLE, HOLE), "GTV 2": (BESIDE, SMALL)}
    balls = {
        name: [points for z in THIRDS if len(points := circle(*shape, z))]
        for name, shape in shapes.items()
    }
    objects = structure_set(balls)
    assert '#1 "GTV 1", #2 "…", #3 "GTV 2"' in refusal(outline, objects)
    one = outline(objects, name="GTV 2")
    assert ml(one, image[1]) == pytest.approx(4 / 3 * np.pi * SMALL**3 / 1000, rel=0.03)
    both = outline(objects, name="GTV 1; #3")
    wanted = 4 / 3 * np.pi * (OUTER**3 + SMALL**3) / 1000
    assert ml(both, image[1]) == pytest.approx(wanted, rel=0.02)
    assert both.facts["outlines"] == 2 and failed(both) == []


def test_regions_without_contours_are_not_meant(outline):
    data = structure_set({"PTV": [], "GTV": ball_contours(HEIGHTS), "CTV": []})
    assert outline(data).facts["outlines"] == 1
    assert "has nothing drawn" in refusal(outline, data, name="CTV")
    del data.ROIContourSequence
    assert "holds no outline with a contour" in refusal(outline, data)


def test_what_a_structure_set_leaves_in_doubt_is_held(outline, image):
    crossing = [*ball_contours(HEIGHTS), circle(np.add(MIDDLE, (9, 0, 0)), OUTER, MIDDLE[2])]
    assert failed(outline(structure_set({"GTV": crossing}))) == ["mask-contours-crossing"]
    gap = [c for z in HEIGHTS if z != HEIGHTS[9] for c in ball_contours([z])]
    assert failed(outline(structure_set({"GTV": gap}))) == ["mask-planes-missing"]
    far = structure_set({"GTV": ball_contours(HEIGHTS[1::3])})
    assert failed(outline(far)) == ["mask-plane-distance"]
    beyond = [c + 20 * AXES[:, 0] for c in ball_contours(HEIGHTS)]
    assert "mask-inside-image" in failed(outline(structure_set({"GTV": beyond})))


@pytest.mark.parametrize("kind", ["POINT", "OPEN_PLANAR", "OPEN_NONPLANAR", ""])
def test_contours_that_hold_no_volume_are_refused(outline, kind):
    text = refusal(outline, structure_set({"GTV": ball_contours(HEIGHTS)}, kind=kind))
    assert f"is {kind or 'missing or unknown'}, which holds no volume" in text


def test_damaged_contours_are_refused(outline):
    data = structure_set({"GTV": ball_contours(HEIGHTS)})
    item = data.ROIContourSequence[0].ContourSequence[3]
    item.ContourData = list(item.ContourData)[:-1]
    assert "269 coordinates, but 90 corners" in refusal(outline, data)
    item.ContourData = list(item.ContourData)[:-2]
    assert "267 coordinates, but 90 corners" in refusal(outline, data)
    item.ContourData = []
    assert "ContourData has 0 values" in refusal(outline, data)
    data = structure_set({"GTV": [ball_contours([z])[0][:2] for z in HEIGHTS[6:14]]})
    assert "no contour of the outline has three corners" in refusal(outline, data)


def test_another_frame_of_reference_is_refused(outline):
    data = structure_set({"GTV": ball_contours(HEIGHTS)})
    data.StructureSetROISequence[0].ReferencedFrameOfReferenceUID = f"{UID}.99"
    assert "the column gtv_on" in refusal(outline, data)
    seg = segmentation({"GTV": voxel_inside()})
    seg.FrameOfReferenceUID = f"{UID}.99"
    assert "another frame of reference" in refusal(outline, seg)


def test_an_equal_frame_is_no_proof(outline):
    """Everything has one frame of reference, and the contours were drawn on other images."""
    data = structure_set({"GTV": ball_contours(HEIGHTS)})
    for item in data.ROIContourSequence[0].ContourSequence:
        item.ContourImageSequence[0].ReferencedSOPInstanceUID += ".7"
    assert failed(outline(data)) == ["mask-drawn-on"]
    seg = segmentation({"GTV": voxel_inside()})
    for group in seg.PerFrameFunctionalGroupsSequence:
        source = group.DerivationImageSequence[0].SourceImageSequence[0]
        source.ReferencedSOPInstanceUID += ".7"
    assert failed(outline(seg)) == ["mask-drawn-on"]


def test_contours_that_name_no_image_count_by_the_images_of_their_object(outline):
    data = structure_set({"GTV": ball_contours(HEIGHTS)}, instances=False)
    assert failed(outline(data)) == []
    frame = data.ReferencedFrameOfReferenceSequence[0]
    series = frame.RTReferencedStudySequence[0].RTReferencedSeriesSequence[0]
    other = Dataset()
    other.ReferencedSOPInstanceUID = f"{UID}.77"
    series.ContourImageSequence.append(other)
    assert failed(outline(data)) == ["mask-drawn-on"]
    del data.ReferencedFrameOfReferenceSequence
    assert failed(outline(data)) == ["mask-drawn-on"]


def test_contours_beside_the_images_that_they_name_are_held(outline):
    moved = [c + 3 * STEP * AXES[:, 2] for c in ball_contours(HEIGHTS)]
    data = structure_set({"GTV": moved})
    for item, points in zip(data.ROIContourSequence[0].ContourSequence, moved, strict=True):
        height = float(((points.mean(0) - ORIGIN) @ AXES)[2])
        uid = f"{UID}.20.{round(height / STEP) - 3}"
        item.ContourImageSequence[0].ReferencedSOPInstanceUID = uid
    assert failed(outline(data)) == ["mask-planes"]


def test_an_outline_of_another_person_is_held(outline):
    data = structure_set({"GTV": ball_contours(HEIGHTS)})
    data.PatientID = "CANARY-OTHER"
    found = outline(data)
    assert failed(found) == ["one-patient"] and "CANARY" not in str(found.checks)


def test_two_objects_are_refused_and_copies_are_not(outline):
    data, other = (structure_set({"GTV": ball_contours(HEIGHTS)}) for _ in range(2))
    assert failed(outline(data, data)) == []
    other.SOPInstanceUID = other.file_meta.MediaStorageSOPInstanceUID = f"{UID}.23"
    assert "2 RTSTRUCT or SEG among" in refusal(outline, data, other)


@pytest.mark.parametrize("empty", [False, True])
def test_segmentation_gives_its_voxels_exactly(outline, image, empty):
    mask = voxel_inside()
    found = outline(segmentation({"GTV": mask}, empty=empty))
    np.testing.assert_array_equal(found.share, mask)
    assert ml(found, image[1]) == pytest.approx(volume_ml(), rel=0.03)
    np.testing.assert_allclose(centre(found, image[1]), centre_ras(), atol=0.5)
    assert failed(found) == []


def test_segments_are_chosen_by_name(outline):
    masks = {"core": voxel_inside(), "CANARY": ~voxel_inside()}
    np.testing.assert_array_equal(outline(segmentation(masks), name="core").share, masks["core"])
    assert '#1 "core", #2 "…"' in refusal(outline, segmentation(masks))
    assert "the segment is empty" in refusal(
        outline, segmentation({"GTV": 0 * masks["core"]}, empty=True)
    )


def test_shares_are_read_and_probabilities_are_refused(outline):
    share = voxel_inside() * np.float32(0.25)
    found = outline(segmentation({"GTV": share}, fractional="OCCUPANCY"))
    np.testing.assert_allclose(found.share, share, atol=1e-6)
    text = refusal(outline, segmentation({"GTV": share}, fractional="PROBABILITY"))
    assert "probabilities" in text


def test_a_smaller_matrix_on_the_same_voxels_is_placed(outline):
    mask = voxel_inside()
    part = mask.copy()
    part[: SHAPE[0] // 2] = 0
    seg = segmentation({"GTV": part})
    frames = np.unpackbits(np.frombuffer(seg.PixelData, np.uint8), bitorder="little")
    count = int(seg.NumberOfFrames)
    frames = frames[: count * SHAPE[0] * SHAPE[1]].reshape(count, SHAPE[1], SHAPE[0])
    cut = frames[:, 3:, SHAPE[0] // 2 :]
    seg.Rows, seg.Columns = cut.shape[1:]
    seg.PixelData = np.packbits(cut.ravel(), bitorder="little").tobytes()
    for group in seg.PerFrameFunctionalGroupsSequence:
        place = group.PlanePositionSequence[0]
        moved = np.array(place.ImagePositionPatient, float)
        moved += AXES[:, 0] * 1.1 * (SHAPE[0] // 2) + AXES[:, 1] * 0.9 * 3
        place.ImagePositionPatient = [f"{v:.6f}" for v in moved]
    np.testing.assert_array_equal(outline(seg).share, part)


@pytest.mark.parametrize("axis, mm", [(0, 0.55), (1, 0.3), (2, 1.25)])
def test_segments_beside_the_voxels_are_refused(outline, axis, mm):
    seg = segmentation({"GTV": voxel_inside()})
    for group in seg.PerFrameFunctionalGroupsSequence:
        place = group.PlanePositionSequence[0]
        moved = np.array(place.ImagePositionPatient, float) + AXES[:, axis] * mm
        place.ImagePositionPatient = [f"{v:.6f}" for v in moved]
    assert "beside the image's voxels" in refusal(outline, seg)


def test_two_frames_of_a_segment_at_one_place_are_refused(outline):
    seg = segmentation({"GTV": voxel_inside()})
    groups = seg.PerFrameFunctionalGroupsSequence
    groups[1].PlanePositionSequence = groups[0].PlanePositionSequence
    assert "one frame a plane" in refusal(outline, seg)


def converted(folder: Path, data: np.ndarray, affine: np.ndarray) -> Path:
    save(folder / "mask.nii.gz", Volume(data, affine))
    return folder / "mask.nii.gz"


def test_converted_mask_in_any_order_of_axes(image, tmp_path):
    mask = voxel_inside().astype(np.uint8)
    for order in ([[1, -1], [0, 1], [2, -1]], [[0, -1], [1, -1], [2, 1]]):
        turned = nib.apply_orientation(mask, order)
        affine = image[1].affine @ nib.orientations.inv_ornt_aff(order, mask.shape)
        found = read(converted(tmp_path, turned, affine), image[1], image[2], ROW)
        np.testing.assert_array_equal(found.share, mask)


def test_values_of_a_converted_mask(image, tmp_path):
    labels = voxel_inside() + 2 * np.roll(voxel_inside(), 3, axis=0).astype(np.uint8)
    path = converted(tmp_path, labels.astype(np.uint8), image[1].affine)
    found = read(path, image[1], image[2], ROW | {"values": [1, 3]})
    np.testing.assert_array_equal(found.share, np.isin(labels, [1, 3]))
    for row, message in (
        ({}, "list those that count"),
        ({"values": [7]}, "none of the values that count"),
        ({"name": "GTV"}, "empty the column gtv_name"),
    ):
        with pytest.raises(ValueError, match=message):
            read(path, image[1], image[2], ROW | row)


def moved(*voxels: float) -> np.ndarray:
    return np.eye(4) + np.c_[np.zeros((4, 3)), (*voxels, 0)]


@pytest.mark.parametrize(
    "change",
    [
        lambda d, a: (d, a @ np.diag([1.001, 1.001, 1.01, 1])),
        lambda d, a: (d, a @ moved(0.5, 0, 0)),
        lambda d, a: (d, a @ moved(0, 0, 1)),
        lambda d, a: (d[:-1], a),
        lambda d, a: (np.pad(d, 1), a @ moved(-1, -1, -1)),
        lambda d, a: (d[::2, ::2, ::2], a @ np.diag([2, 2, 2, 1])),
        lambda d, a: (d, a @ np.diag([-1, 1, 1, 1])),
    ],
    ids=["spacing", "half", "one voxel", "fewer", "more", "coarser", "mirrored"],
)
def test_converted_mask_on_another_grid_is_refused(image, tmp_path, change):
    data, affine = change(voxel_inside().astype(np.uint8), image[1].affine)
    with pytest.raises(ValueError, match="nothing is resampled by guess") as caught:
        read(converted(tmp_path, data, affine), image[1], image[2], ROW)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    "data, message",
    [
        (voxel_inside() * np.float32(0.5), "resampled"),
        (-voxel_inside().astype(np.int16), "resampled"),
        (0 * voxel_inside().astype(np.uint8), "no value but 0"),
    ],
)
def test_converted_mask_that_is_none_is_refused(image, tmp_path, data, message):
    with pytest.raises(ValueError, match=message):
        read(converted(tmp_path, data, image[1].affine), image[1], image[2], ROW)


def test_dicom_outline_on_a_converted_image_is_held(image, tmp_path):
    nothing = drawn_on.Source([], "", {})
    folder = write(tmp_path / "o", structure_set({"GTV": ball_contours(HEIGHTS)}))
    found = read(folder, image[1], nothing, ROW)
    assert failed(found) == ["mask-drawn-on"]
    assert ml(found, image[1]) == pytest.approx(volume_ml(), rel=0.02)


def test_nothing_of_a_person_or_an_object_is_recorded(outline):
    for data in (
        structure_set({"CANARY": ball_contours(HEIGHTS)}),
        segmentation({"CANARY": voxel_inside()}),
    ):
        found = outline(data)
        assert not any(c in f"{found.facts}{found.checks}" for c in CANARIES)
