"""image_type: phase, maps, projections and the like are named, whatever says so."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydicom.dataset import Dataset

from dicom_phantoms import CANARIES, enhanced, slice_of, write, write_series
from ricenet.dicom import files
from ricenet.dicom.image_type import signs_of, words
from ricenet.dicom.series import choose
from ricenet.ingest import ingest_mri


def of(folder: Path, data) -> list[str]:
    (file,), _ = files.find(write(folder, data))
    return [sign.in_words for sign in signs_of(file)]


def typed(value: str, **elements):
    data = slice_of(0)
    data.ImageType = value.split("\\")
    for keyword, element in elements.items():
        setattr(data, keyword, element)
    return data


# What scanners write: Siemens, Philips, GE, Canon; dcm2niix's test sets and conformance statements
@pytest.mark.parametrize(
    ("image_type", "what"),
    [
        (r"ORIGINAL\PRIMARY\P\ND", "a phase image"),
        (r"ORIGINAL\PRIMARY\PHASE MAP\P\FFE", "a phase image"),
        (r"ORIGINAL\PRIMARY\P_FFE", "a phase image"),
        (r"ORIGINAL\PRIMARY\T1\NONE\PHASE", "a phase image"),
        (r"ORIGINAL\PRIMARY\R_IR\R\IR", "the real part"),
        (r"ORIGINAL\PRIMARY\I\ND", "the imaginary part"),
        (r"ORIGINAL\PRIMARY\B0 MAP\B0\UNSPECIFIED", "a field map"),
        (r"ORIGINAL\PRIMARY\B0\B0\UNSPECIFIED", "a field map"),
        (r"DERIVED\PRIMARY\DIFFUSION\ADC\ND\NORM", "a diffusion image"),
        (r"DERIVED\PRIMARY\DIFFUSION\TRACEW\ND", "a diffusion image"),
        (r"DERIVED\PRIMARY\PERFUSION\RELCBV\ND", "a perfusion image"),
        (r"DERIVED\PRIMARY\PBP\ND", "a perfusion image"),
        (r"DERIVED\PRIMARY\CBV_CORR", "a perfusion image"),
        (r"DERIVED\PRIMARY\FIELDMAP_HZ", "a field map"),
        (r"DERIVED\PRIMARY\QMAP\T1\ND", "a map of a parameter"),
        (r"ORIGINAL\PRIMARY\ASL\ND", "a perfusion image"),
        (r"DERIVED\PRIMARY\T1 MAP\ND", "a map of a parameter"),
        (r"DERIVED\PRIMARY\T2STAR_MAP\ND", "a map of a parameter"),
        (r"DERIVED\SECONDARY\PROJECTION IMAGE\MIP", "a projection"),
        (r"ORIGINAL\PRIMARY\PROJECTION IMAGE\COLLAPSE", "a projection"),
        (r"ORIGINAL\PRIMARY\M\ND\MNIP", "a projection"),
        (r"DERIVED\SECONDARY\SUBTRACTION", "a subtraction"),
        (r"ORIGINAL\PRIMARY\EPI\NONE", "an echo planar image"),
        (r"ORIGINAL\PRIMARY\M\ND\MOSAIC", "a mosaic"),
        (r"ORIGINAL\PRIMARY\M\SWI\NORM", "a susceptibility image"),
        (r"DERIVED\PRIMARY\DIXON\FAT", "the fat image"),
        (r"ORIGINAL\PRIMARY\TOF", "an angiogram"),
        (r"DERIVED\SECONDARY\SCREEN SAVE", "a screen capture"),
    ],
)
def test_other_kinds_by_image_type(image_type: str, what: str, tmp_path: Path) -> None:
    assert of(tmp_path, typed(image_type))[0].startswith(what)


@pytest.mark.parametrize(
    "image_type",
    [
        r"ORIGINAL\PRIMARY\M\NORM\DIS2D",  # MPRAGE
        r"ORIGINAL\PRIMARY\M\ND\NORM\DIS3D\FM\FIL",
        r"ORIGINAL\PRIMARY\M_FFE\M\FFE",
        r"ORIGINAL\PRIMARY\M_SE\M\SE",
        r"ORIGINAL\PRIMARY\M_IR\M\IR",
        r"ORIGINAL\PRIMARY\OTHER",  # GE
        r"DERIVED\SECONDARY\REFORMATTED\AVERAGE",
        r"DERIVED\SECONDARY\MPR\CSA MPR\\CSAPARALLEL",
        r"ORIGINAL\PRIMARY\MPR",
        r"ORIGINAL\PRIMARY\T1\NONE",
        r"DERIVED\PRIMARY\T1\RESAMPLED",
        r"DERIVED\PRIMARY\DIXON\WATER\IN_PHASE",
        r"DERIVED\PRIMARY\M\ND\UNI",
        r"ORIGINAL\PRIMARY",
    ],
)
def test_magnitude_images_pass(image_type: str, tmp_path: Path) -> None:
    assert of(tmp_path, typed(image_type)) == []


@pytest.mark.parametrize(
    ("elements", "said"),
    [
        ({"ComplexImageComponent": "PHASE"}, "a phase image by its ComplexImageComponent"),
        ({"ComplexImageComponent": "REAL"}, "the real part by its ComplexImageComponent"),
        ({"ScanningSequence": ["EP", "RM"]}, "an echo planar image (EPI) by its sequence"),
        ({"EchoPlanarPulseSequence": "YES"}, "an echo planar image (EPI) by its sequence"),
        ({"SequenceName": "*epfid2d1_64"}, "an echo planar image (EPI) by its sequence"),
        ({"PulseSequenceName": "FEEPI"}, "an echo planar image (EPI) by its sequence"),
        ({"SequenceName": "*fm2d2r"}, "a field map by its sequence"),
        ({"AngioFlag": "Y"}, "an angiogram or flow image by its AngioFlag"),
        (
            {"SequenceName": "*ci3d1"},
            "a balanced steady-state image (CISS, true FISP), which is not T1-weighted by its "
            "sequence",
        ),
        (
            {"SeriesDescription": "CANARY ax t2 ciss"},
            "an image that is not T1-weighted by its description",
        ),
        ({"DiffusionBValue": 1000.0}, "a diffusion image by its b value"),
        ({"AcquisitionContrast": "FLUID_ATTENUATED"}, "a FLAIR image by its AcquisitionContrast"),
        (
            {"SeriesDescription": "CANARY T1 map"},
            "a map of a parameter or the like by its description",
        ),
        (
            {"ImageComments": "flip angle map, TraRef"},
            "a map of a parameter or the like by its description",
        ),
    ],
)
def test_other_kinds_by_everything_else(elements, said: str, tmp_path: Path) -> None:
    found = of(tmp_path, typed(r"ORIGINAL\PRIMARY\OTHER", **elements))
    assert found == [said] and not any(c in str(found) for c in CANARIES)


@pytest.mark.parametrize(
    "elements",
    [
        {"ComplexImageComponent": "MAGNITUDE", "AcquisitionContrast": "T1"},
        {"ScanningSequence": ["GR", "IR"], "SequenceName": "*tfl3d1_16ns"},
        {"ProtocolName": "Brain tumour with fMRI mapping"},  # GE: of the whole examination
        {"SeriesDescription": "t1_mprage_sag post perf sub-01"},
        {"SeriesDescription": "T1 venous phase"},
    ],
)
def test_usual_elements_pass(elements, tmp_path: Path) -> None:
    assert of(tmp_path, typed(r"ORIGINAL\PRIMARY\M", **elements)) == []


@pytest.mark.parametrize(
    ("element", "creator", "value", "what"),
    [
        ((0x0043, 0x2F), "GEMS_PARM_01", ("SS", 1), "a phase image"),
        ((0x0043, 0x2F), "GEMS_PARM_01", ("SS", 0), None),
        ((0x2005, 0x11), "Philips MR Imaging DD 001", ("CS", "R"), "the real part"),
        ((0x2005, 0x11), "Philips MR Imaging DD 001", ("CS", "M"), None),
        ((0x2001, 0x13), "Philips Imaging DD 001", ("SL", 1), None),
        ((0x0043, 0x2F), "SOMEBODY ELSE", ("SS", 1), None),
    ],
)
def test_private_elements_of_ge_and_philips(element, creator, value, what, tmp_path: Path) -> None:
    data = typed(r"ORIGINAL\PRIMARY\OTHER")
    data.private_block(element[0], creator, create=True).add_new(element[1], *value)
    assert of(tmp_path, data) == ([f"{what} by its private elements"] if what else [])


@pytest.mark.parametrize(("factor", "planar"), [(1, False), (5, False), (39, True)])
def test_echoes_a_shot_tell_philips_epi(factor: int, planar: bool, tmp_path: Path) -> None:
    """Its ScanningSequence is GR."""
    data = typed(r"ORIGINAL\PRIMARY\M_FFE\M\FFE", ScanningSequence="GR")
    data.private_block(0x2001, "Philips Imaging DD 001", create=True).add_new(0x13, "SL", factor)
    assert (of(tmp_path, data) == ["an echo planar image (EPI) by its sequence"]) is planar


@pytest.mark.parametrize("said", [None, "OT"])
def test_storage_class_says_that_an_image_is_mr(said: str | None, tmp_path: Path) -> None:
    """A phase image, where a conversion has lost the modality."""
    data = typed(r"ORIGINAL\PRIMARY\P\ND")
    data.SOPClassUID, data.Modality = "1.2.840.10008.5.1.4.1.1.4", said
    assert of(tmp_path, data) == ["a phase image by its ImageType"]


def test_a_projection_of_ct_is_named(tmp_path: Path) -> None:
    data = typed(r"DERIVED\SECONDARY\MIP", Modality="CT")
    data.SOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
    assert of(tmp_path, data) == ["a projection by its ImageType"]


@pytest.mark.parametrize(
    ("frame_type", "component", "what"),
    [
        (["ORIGINAL", "PRIMARY", "T1", "NONE"], "MAGNITUDE", None),
        (["ORIGINAL", "PRIMARY", "T1", "NONE"], "PHASE", "a phase image by its ComplexImage"),
        (["DERIVED", "PRIMARY", "T1", "T1"], "", "a map of a parameter by its FrameType"),
        (["DERIVED", "PRIMARY", "PERFUSION", "RCBV"], "", "a perfusion image by its FrameType"),
        (["DERIVED", "PRIMARY", "T1", "SUBTRACTION"], "", "a subtraction by its FrameType"),
    ],
)
def test_frames_of_an_enhanced_object(frame_type, component, what, tmp_path: Path) -> None:
    """One frame of five is of the kind: ImageType of the object says nothing of it."""
    data, kind = enhanced(), Dataset()
    kind.FrameType, kind.ComplexImageComponent = frame_type, component
    data.PerFrameFunctionalGroupsSequence[3].MRImageFrameTypeSequence = [kind]
    found = of(tmp_path, data)
    assert found == [] if what is None else found[0].startswith(what)


def test_a_header_that_says_nothing_is_told_from_one_that_says_magnitude(tmp_path: Path) -> None:
    def silent(planes):
        for plane in planes:
            del plane.ImageType

    assert words(files.find(write_series(tmp_path / "a", silent))[0]) is None
    assert words(files.find(write_series(tmp_path / "b"))[0]) == []


def test_mosaic_is_refused_by_its_name(tmp_path: Path) -> None:
    def mosaic(planes):
        for plane in planes:
            plane.ImageType = ["ORIGINAL", "PRIMARY", "M", "ND", "MOSAIC"]

    with pytest.raises(ValueError, match=r"all slices of a volume tiled in one picture"):
        ingest_mri.read(write_series(tmp_path / "s", mosaic), min_slices=3)


def test_phase_beside_magnitude_is_left_out_and_alone_is_taken(tmp_path: Path) -> None:
    """Siemens saves both as series of one folder; alone it is held back by a check."""

    def phase(planes):
        for plane in planes:
            plane.SeriesInstanceUID += ".8"
            plane.ImageType = ["ORIGINAL", "PRIMARY", "P", "ND"]

    def t2(planes):
        for plane in planes:
            plane.SeriesInstanceUID += ".9"
            plane.AcquisitionContrast = "T2"

    write_series(tmp_path / "both" / "phase", phase)
    alone, _ = files.find(tmp_path / "both")
    assert len(choose(alone, wanted="", min_slices=3).images) == 6
    write_series(tmp_path / "both" / "magnitude")
    choice = choose(files.find(tmp_path / "both")[0], wanted="", min_slices=3)
    assert choice.images[0].header.ImageType[2] == "M"
    assert choice.left_out[0].endswith("(a phase image by its ImageType)")
    write_series(tmp_path / "both" / "t2", t2)  # another weighting is for a person
    with pytest.raises(ValueError, match="2 series that could be meant"):
        choose(files.find(tmp_path / "both")[0], wanted="", min_slices=3)
