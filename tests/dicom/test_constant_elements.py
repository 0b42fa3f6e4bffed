"""constant_elements: what must agree over a series, rounding aside."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydicom.dataset import Dataset

from dicom_phantoms import CANARIES, enhanced, write, write_series
from ricenet.dicom import files
from ricenet.dicom.constant_elements import doubtful
from ricenet.dicom.slices import slices
from ricenet.dicom.stack import arrange
from ricenet.ingest import ingest_mri


def series_with(folder: Path, **elements) -> Path:
    """Series of six slices; the elements have two values, the second in the fourth and last."""

    def change(planes):
        for k, plane in enumerate(planes):
            for keyword, (usual, other) in elements.items():
                value = other if k in (3, 5) else usual
                if value is not None:
                    setattr(plane, keyword, value)
                elif keyword in plane:
                    delattr(plane, keyword)

    return write_series(folder, change)


def planes_of(folder: Path):
    return [plane for file in files.find(folder)[0] for plane in slices(file)]


MPR = ["DERIVED", "SECONDARY", "MPR"]


@pytest.mark.parametrize(
    ("elements", "said"),
    [
        ({"EchoTime": (2.5, 9.8)}, r"EchoTime \(ms\) 2\.5 in 4, 9\.8 in 2 images"),
        ({"EchoTime": (2.5, 2.6)}, "EchoTime"),
        ({"EchoNumbers": (1, 2)}, "EchoNumbers 1 in 4, 2 in 2"),
        ({"InversionTime": (900, 2500)}, "InversionTime"),
        ({"RepetitionTime": (1900, 2300)}, "RepetitionTime"),
        ({"FlipAngle": (9, 5)}, r"FlipAngle \(degrees\) 5\.0 in 2, 9\.0 in 4"),
        ({"DiffusionBValue": (0.0, 1000.0)}, "DiffusionBValue"),
        ({"TemporalPositionIdentifier": (1, 2)}, "TemporalPositionIdentifier"),
        ({"ComplexImageComponent": ("MAGNITUDE", "PHASE")}, "MAGNITUDE in 4, PHASE in 2"),
        (
            {"ImageType": (["ORIGINAL", "PRIMARY", "M"], ["ORIGINAL", "PRIMARY", "P"])},
            r"ImageType ORIGINAL\\PRIMARY\\M in 4, ORIGINAL\\PRIMARY\\P in 2",
        ),
        ({"ScanningSequence": ("GR", "SE")}, "ScanningSequence GR in 4, SE in 2"),
        ({"Modality": ("MR", "CT")}, "Modality CT in 2, MR in 4"),
        ({"RescaleType": ("HU", "US")}, "RescaleType HU in 4, US in 2"),
        ({"MagneticFieldStrength": (1.5, 3)}, "MagneticFieldStrength"),
        ({"PatientPosition": ("HFS", "FFS")}, "PatientPosition FFS in 2, HFS in 4"),
        ({"SeriesNumber": (4, 7)}, "SeriesNumber 4 in 4, 7 in 2"),  # before and after contrast
        ({"PixelBandwidth": (130, 200)}, r"PixelBandwidth \(Hz\)"),
        ({"SeriesDescription": ("CANARY t1", "CANARY t1 km")}, r"not shown\) in 4 and 2"),
        ({"SequenceName": ("*tfl3d1", "*fl3d1")}, r"SequenceName \(values not shown\)"),
        ({"ContrastBolusAgent": ("CANARY agent", None)}, r"named or not\) in 4 and 2 images"),
        (
            {"Modality": ("CT", "CT"), "ConvolutionKernel": ("CANARY", "CANARY2")},
            r"ConvolutionKernel \(values not shown\) in 4 and 2",
        ),
    ],
)
def test_mixed_elements_are_refused_with_their_values(elements, said, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=said) as caught:
        ingest_mri.read(series_with(tmp_path / "s", **elements), min_slices=3)
    assert "made differently" in str(caught.value) and len(str(caught.value)) < 400
    notes = "".join(caught.value.__notes__)
    assert not any(c in str(caught.value) + notes for c in CANARIES)


@pytest.mark.parametrize(
    "elements",
    [
        {"EchoTime": (2.46, 2.5)},
        {"EchoTime": (2.46, None)},
        {"InversionTime": (900, 900.05)},
        {"RepetitionTime": (519.5, 520)},
        {"MagneticFieldStrength": (1.494, 1.5)},
        {"AcquisitionNumber": (1, 2), "Manufacturer": ("GE MEDICAL SYSTEMS",) * 2},
        {"RescaleSlope": (0.5, 0.51), "RescaleIntercept": (-10, -11)},  # Philips, PMOD
        {"TriggerTime": (0, 12.5), "PixelBandwidth": (195.0, 195.3)},
        {"AcquisitionTime": ("101112", "101113"), "WindowCenter": (100, 200)},
        {
            "Modality": ("CT", "CT"),
            "ImageType": (
                ["ORIGINAL", "PRIMARY", "AXIAL", "ROT 1"],
                ["ORIGINAL", "PRIMARY", "AXIAL", "ROT 2"],
            ),
        },
    ],
)
def test_rounding_and_what_may_differ_is_read(elements, tmp_path: Path) -> None:
    volume, facts = ingest_mri.read(series_with(tmp_path / "s", **elements), min_slices=3)
    assert volume.data.shape[2] == 6 and facts["doubtful"] == []


@pytest.mark.parametrize(
    ("elements", "said"),
    [
        ({"AcquisitionNumber": (1, 2)}, "AcquisitionNumber has 2 values, in 4 and 2 images"),
        (
            {
                "AcquisitionNumber": (1, 2),
                "Manufacturer": ("GE MEDICAL SYSTEMS",) * 2,
                "TriggerTime": (0, 60000),
                "NumberOfTemporalPositions": (2, 2),
            },
            "TriggerTime has 2 values, in 4 and 2 images, of a time series",
        ),
        ({"SliceThickness": (1, 3)}, "SliceThickness has 2 values, in 4 and 2 images"),
    ],
)
def test_what_a_person_may_know_better_is_held(elements, said, tmp_path: Path) -> None:
    """Time points of one sequence differ in nothing but the number of their acquisition."""
    planes = planes_of(series_with(tmp_path / "s", **elements))
    arrange(planes, min_slices=3)
    assert doubtful(planes) == [said]


def test_an_acquisition_a_slice_is_a_number_of_slices(tmp_path: Path) -> None:
    def number(planes):
        for k, plane in enumerate(planes):
            plane.AcquisitionNumber = k + 1

    assert doubtful(planes_of(write_series(tmp_path / "s", number))) == []


def test_frames_of_an_enhanced_object_are_compared(tmp_path: Path) -> None:
    def with_echoes(*times):
        data = enhanced()
        for group, ms in zip(data.PerFrameFunctionalGroupsSequence, times, strict=True):
            group.MREchoSequence = [Dataset()]
            group.MREchoSequence[0].EffectiveEchoTime = ms
        return data

    read = planes_of(write(tmp_path / "a", with_echoes(2.46, 2.5, 2.46, 2.5, 2.5)))
    assert len(arrange(read, min_slices=3).planes) == 5
    mixed = planes_of(write(tmp_path / "b", with_echoes(2.46, 9.8, 2.46, 9.8, 2.46)))
    with pytest.raises(ValueError, match=r"EchoTime \(ms\) 2\.46 in 3, 9\.8 in 2 images"):
        arrange(mixed, min_slices=3)
