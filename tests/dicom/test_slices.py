"""slices: the planes of classic and enhanced objects."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset

from dicom_phantoms import enhanced, slice_of, write
from ricenet.dicom import files
from ricenet.dicom.slices import slices


def of(folder: Path, data):
    (file,), _ = files.find(write(folder, data))
    return slices(file)


def test_shared_and_own_functional_groups(tmp_path: Path) -> None:
    planes = of(tmp_path, enhanced())
    assert [p.frame for p in planes] == [0, 1, 2, 3, 4]
    assert planes[0].spacing.tolist() == [1.5, 0.75]
    assert (planes[0].slope, planes[0].intercept) == (0.5, -10)
    broken = enhanced()
    del broken.PerFrameFunctionalGroupsSequence[0]
    with pytest.raises(ValueError, match="5 frames but 4 functional groups"):
        of(tmp_path, broken)


def no_groups(data):
    del data.PerFrameFunctionalGroupsSequence


def no_place(data):
    del data.PerFrameFunctionalGroupsSequence[2].PlanePositionSequence


def bytes_for_groups(data):
    data[0x52009230] = DataElement(0x52009230, "OB", b"CANARY")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (no_groups, "multi-frame, but without functional groups"),
        (no_place, "ImagePositionPatient has 0 values"),
        (bytes_for_groups, "PerFrameFunctionalGroupsSequence is damaged"),
    ],
)
def test_damaged_groups_are_refused(change, message: str, tmp_path: Path) -> None:
    data = enhanced()
    change(data)
    with pytest.raises(ValueError, match=f"^file 1 of 1 in name order: .*{message}|{message}"):
        of(tmp_path, data)


def test_lookup_table_instead_of_a_slope_is_refused(tmp_path: Path) -> None:
    data, table = slice_of(0), Dataset()
    table.LUTDescriptor, table.ModalityLUTType, table.LUTData = [2, 0, 16], "US", bytes(4)
    data.ModalityLUTSequence = [table]
    with pytest.raises(ValueError, match=r"lookup table \(ModalityLUTSequence\)"):
        of(tmp_path, data)


def test_slope_of_zero_is_refused(tmp_path: Path) -> None:
    data = slice_of(0)
    data.RescaleSlope = 0
    with pytest.raises(ValueError, match="rescale slope 0"):
        of(tmp_path, data)
