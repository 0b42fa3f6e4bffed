"""storage_classes: what is an image, whatever lies beside it under the same series."""

from __future__ import annotations

from pathlib import Path

import pytest

from dicom_phantoms import UID, base, slice_of, write, write_series
from ricenet.dicom import files
from ricenet.dicom.storage_classes import is_image
from ricenet.ingest import ingest_mri

STORAGE = "1.2.840.10008.5.1.4.1.1"


def beside(sop_class: str, **elements):
    """An object of the series that has Rows and Columns but no pixels to show."""
    data = base(sop_class, f"{UID}.77", "MR")
    data.Rows, data.Columns, data.SamplesPerPixel = 9, 7, 1
    for keyword, value in elements.items():
        setattr(data, keyword, value)
    return data


DESCRIBED = {"BitsAllocated": 16, "PhotometricInterpretation": "MONOCHROME2"}


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize(
    ("sop_class", "elements"),
    [
        (f"{STORAGE}.66", {}),  # raw data
        (f"{STORAGE}.66", DESCRIBED),
        (f"{STORAGE}.4.2", {}),  # spectroscopy
        (f"{STORAGE}.11.1", {}),  # presentation state
        (f"{STORAGE}.88.33", {}),  # report
        (f"{STORAGE}.66.4", DESCRIBED),  # segmentation
        (f"{STORAGE}.30", DESCRIBED),  # parametric map
        ("1.3.12.2.1107.5.9.1", {}),  # private, of Siemens
        ("1.3.46.670589.11.0.0.12.1", {}),  # private, of Philips
    ],
)
def test_what_lies_beside_a_series_is_ignored_and_counted(
    sop_class: str, elements, first: bool, tmp_path: Path
) -> None:
    folder = write_series(tmp_path / "s")
    expected, _ = ingest_mri.read(folder, min_slices=3)
    name = "A0.dcm" if first else "Z9.dcm"
    beside(sop_class, **elements).save_as(folder / name, enforce_file_format=True)
    volume, facts = ingest_mri.read(folder, min_slices=3)
    assert (volume.data == expected.data).all() and facts["ignored_files"] == 1


def test_screen_captures_and_private_classes_with_pixels_claim_to_be_images(
    tmp_path: Path,
) -> None:
    for sop_class, expected in (
        (f"{STORAGE}.7", True),
        (f"{STORAGE}.7.2", True),
        ("1.2.3.4", True),
        (f"{STORAGE}.77.1.4", False),
    ):
        data = slice_of(0)
        data.SOPClassUID = data.file_meta.MediaStorageSOPClassUID = sop_class
        (file,), _ = files.find(write(tmp_path / sop_class, data))
        assert is_image(file) is expected


def test_an_image_whose_header_broke_off_is_named(tmp_path: Path) -> None:
    folder = write_series(tmp_path / "s")
    victim = sorted(folder.iterdir())[0]
    victim.write_bytes(victim.read_bytes()[:400])
    with pytest.raises(ValueError, match="file 1 of 6 in name order: Rows has 0"):
        ingest_mri.read(folder, min_slices=3)
