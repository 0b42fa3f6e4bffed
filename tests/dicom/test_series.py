"""series: which files of a folder count."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydicom.uid import DeflatedExplicitVRLittleEndian

from dicom_phantoms import CANARIES, FRAME, UID, slice_of, write, write_series
from ricenet.dicom import files
from ricenet.dicom.describe import series_code
from ricenet.dicom.planes import pixels
from ricenet.dicom.series import choose, without_duplicates

FIRST, SECOND = f"{UID}.2", f"{UID}.2.8"


def put(folder: Path, uid: str = FIRST, count: int = 6, **elements) -> Path:
    """A series in a subfolder of its own, with some elements of all its slices changed."""

    def change(planes):
        for plane in planes:
            plane.SeriesInstanceUID = uid
            for keyword, value in elements.items():
                setattr(plane, keyword, value)

    write_series(folder / series_code(uid), change, count)
    return folder


def pick(folder: Path, wanted: str = ""):
    found, _ = files.find(folder)
    return choose(found, wanted=wanted, min_slices=3)


def taken(choice) -> set[str]:
    return {f.header.SeriesInstanceUID for f in choice.images}


# --- without a name ------------------------------------------------------------------------------

LOCALISER = {"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]}
CAPTURE = {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.7"}
COLOUR = {"PhotometricInterpretation": "RGB", "SamplesPerPixel": 3}
BURNED = {"BurnedInAnnotation": "YES"}
FEW = {"count": 2, "PixelSpacing": [1, 1]}


@pytest.mark.parametrize(
    ("elements", "why"),
    [
        (LOCALISER, "localiser"),
        (CAPTURE, "screen capture"),
        (COLOUR, "colour"),
        (BURNED, "text burned in"),
        (FEW, "fewer than 3 slices"),
    ],
)
def test_what_is_certainly_no_volume_is_left_out(elements, why: str, tmp_path: Path) -> None:
    put(tmp_path)
    choice = pick(put(tmp_path, SECOND, **elements))
    assert taken(choice) == {FIRST} and len(choice.images) == 6
    (left_out,) = choice.left_out
    assert left_out.startswith(series_code(SECOND)) and left_out.endswith(f"({why})")


def test_survey_of_three_directions_is_left_out(tmp_path: Path) -> None:
    """Two slices in each direction; one slice that is turned does not make a survey."""
    directions = ([1, 0, 0, 0, 1, 0], [1, 0, 0, 0, 0, -1], [0, 1, 0, 0, 0, -1])

    def survey(planes):
        for k, plane in enumerate(planes):
            plane.SeriesInstanceUID = SECOND
            plane.ImageOrientationPatient = directions[k % 3]

    def one_turned(planes):
        for plane in planes:
            plane.SeriesInstanceUID = SECOND
        planes[2].ImageOrientationPatient = directions[0]

    write_series(put(tmp_path / "a") / "b", survey)
    choice = pick(tmp_path / "a")
    assert taken(choice) == {FIRST}
    assert choice.left_out[0].endswith("(survey in several directions)")
    write_series(put(tmp_path / "b") / "b", one_turned)
    with pytest.raises(ValueError, match="2 series that could be meant"):
        pick(tmp_path / "b")


def test_other_objects_do_not_count(tmp_path: Path) -> None:
    put(tmp_path)
    other = slice_of(0)
    other.SOPClassUID, other.Modality = "1.2.840.10008.5.1.4.1.1.128", "PT"
    other.SeriesInstanceUID = SECOND
    write(tmp_path / "pet", other)
    choice = pick(tmp_path)
    assert taken(choice) == {FIRST} and choice.left_out == []


@pytest.mark.parametrize(
    "elements", [CAPTURE, CAPTURE | COLOUR, {"SOPClassUID": "1.3.46.670589.1"}]
)
def test_a_picture_stored_with_its_images_does_not_count(elements, tmp_path: Path) -> None:
    """A screen capture, or a private object, that carries the SeriesInstanceUID of the images."""
    put(tmp_path)
    picture = slice_of(9)
    picture.SeriesInstanceUID, picture.FrameOfReferenceUID = FIRST, f"{UID}.99"
    picture.SOPInstanceUID = picture.file_meta.MediaStorageSOPInstanceUID = f"{UID}.98"
    for keyword, value in elements.items():
        setattr(picture, keyword, value)
    write(tmp_path / "a", picture)
    assert len(pick(tmp_path).images) == 6


def test_images_without_a_frame_of_reference_contradict_nothing(tmp_path: Path) -> None:
    def half(planes):
        for plane in planes[::2]:
            del plane.FrameOfReferenceUID

    write_series(tmp_path, half)
    assert len(pick(tmp_path).images) == 6


def test_several_volumes_are_listed_with_the_remedy(tmp_path: Path) -> None:
    put(tmp_path, SeriesDescription="T1 MPRAGE CANARY")
    put(tmp_path, f"{UID}.2.9", **LOCALISER)
    put(tmp_path, SECOND, SeriesDescription="FLAIR 3D", count=5)
    with pytest.raises(ValueError) as caught:
        pick(tmp_path)
    lines = [
        f'{series_code(FIRST)}: MR, 6 slices of 9 x 7, 2.2 mm apart, "T1 MPRAGE …"',
        f'{series_code(SECOND)}: MR, 5 slices of 9 x 7, 2.2 mm apart, "FLAIR 3D"',
    ]
    expected = (
        f"2 series that could be meant: write the 8 digits of the one that counts into the column "
        f"<image>_series, or leave one: {'; '.join(sorted(lines))}"
    )
    assert str(caught.value) == expected


def test_few_slices_of_the_same_planes_may_be_missing_from_the_volume(tmp_path: Path) -> None:
    put(tmp_path)
    with pytest.raises(ValueError, match="2 series that could be meant"):
        pick(put(tmp_path, SECOND, count=2))


def test_no_series_is_a_volume(tmp_path: Path) -> None:
    put(tmp_path, **COLOUR)
    with pytest.raises(ValueError, match=r"none of the 2 series .*\(colour\).*\(localiser\)") as e:
        pick(put(tmp_path, SECOND, PatientID="CANARY-ID", **LOCALISER))
    assert not any(c in str(e.value) for c in CANARIES)


@pytest.mark.parametrize(
    ("elements", "message"),
    [
        (LOCALISER, r"file 1 of 6 in name order is a localiser"),
        (COLOUR, "not a plain grey-scale"),
        (BURNED, r"has text burned into the image \(BurnedInAnnotation YES\)"),
        ({"PhotometricInterpretation": "MONOCHROME1"}, "stored inverted"),
    ],
)
def test_the_only_series_is_refused_by_its_own_fault(elements, message, tmp_path: Path) -> None:
    folder = put(tmp_path, **elements)
    for wanted in ("", series_code(FIRST)):
        with pytest.raises(ValueError, match=message):
            pick(folder, wanted)


@pytest.mark.parametrize(
    ("elements", "message"),
    [
        ({"PatientID": "CANARY-OTHER"}, "several patients: PatientID differ"),
        ({"PatientBirthDate": "19450618"}, "several patients: PatientBirthDate differ"),
        ({"PatientSex": "M"}, "several patients: PatientSex differ"),
        ({"StudyInstanceUID": f"{UID}.1.7"}, "2 studies under one patient"),
    ],
)
def test_several_patients_are_refused_whatever_the_series(
    elements, message: str, tmp_path: Path
) -> None:
    """Even where the other one is a localiser, which would be left out."""
    put(tmp_path)
    with pytest.raises(ValueError, match=message):
        pick(put(tmp_path, SECOND, **LOCALISER, **elements))


# --- by name -------------------------------------------------------------------------------------


def test_named_series_is_taken_though_other_patients_lie_beside(tmp_path: Path) -> None:
    put(tmp_path)
    put(tmp_path, SECOND, PatientID="CANARY-OTHER", StudyInstanceUID=f"{UID}.1.7")
    for uid, other in ((FIRST, SECOND), (SECOND, FIRST)):
        choice = pick(tmp_path, series_code(uid))
        assert taken(choice) == {uid}
        assert choice.left_out == [f"{series_code(other)}: not the one named"]


def test_patients_within_the_named_series_are_compared(tmp_path: Path) -> None:
    def second_patient(planes):
        planes[3].PatientID = "CANARY-OTHER"

    write_series(tmp_path / "a", second_patient)
    with pytest.raises(ValueError, match="several patients"):
        pick(put(tmp_path, SECOND), series_code(FIRST))


def test_unknown_name_lists_what_there_is(tmp_path: Path) -> None:
    put(tmp_path)
    message = f"no series 00000000 in the folder.* it holds {series_code(FIRST)}: MR, 6 slices"
    with pytest.raises(ValueError, match=message):
        pick(tmp_path, "00000000")


def test_file_of_no_series_may_belong_to_the_named_one(tmp_path: Path) -> None:
    put(tmp_path)
    stray = slice_of(7)
    del stray.SeriesInstanceUID
    write(tmp_path / "z", stray)
    with pytest.raises(ValueError, match=r"file 7 of 7 .* does not say which series"):
        pick(tmp_path, series_code(FIRST))


def test_frames_of_reference_of_the_chosen_series_only(tmp_path: Path) -> None:
    put(tmp_path)
    put(tmp_path, SECOND, FrameOfReferenceUID=f"{FRAME}.7", **LOCALISER)
    assert taken(pick(tmp_path)) == {FIRST}

    def second_frame(planes):
        planes[3].FrameOfReferenceUID += ".7"

    with pytest.raises(ValueError, match="2 frames of reference"):
        pick(write_series(tmp_path / "b", second_frame))


# --- copies, single files ------------------------------------------------------------------------


def test_one_name_for_two_contents_is_refused(tmp_path: Path) -> None:
    def same_name(planes):
        planes[2].SOPInstanceUID = planes[3].SOPInstanceUID

    found, _ = files.find(write_series(tmp_path, same_name))
    with pytest.raises(ValueError, match="same SOP Instance UID but differ"):
        without_duplicates(found)


def test_file_without_preamble_and_meta_is_read(tmp_path: Path) -> None:
    data = slice_of(0)
    expected = data.pixel_array.copy()
    del data.file_meta
    data.save_as(
        tmp_path / "plain", implicit_vr=True, little_endian=True, enforce_file_format=False
    )
    (tmp_path / "beside.txt").write_bytes(b"\x08\0" + bytes(200))
    (file,), ignored = files.find(tmp_path)
    assert (pixels(file)[0] == expected).all()
    assert ignored == 1


def test_deflated_file_is_refused_before_it_is_inflated(tmp_path: Path) -> None:
    data = slice_of(0)
    data.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    with pytest.raises(ValueError, match="deflated"):
        files.find(write(tmp_path, data))


def test_uid_digest_is_stable_and_hides_the_uid() -> None:
    digest = files.uid_digest(FRAME)
    assert digest == files.uid_digest(FRAME) and len(digest) == 16
    assert digest not in FRAME and files.uid_digest("") is None
