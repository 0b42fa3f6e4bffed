"""Where dose voxels lie, and objects that are no dose in Gy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dicom_phantoms import CANARIES, SCALING, STORED, dose, read_dose, write


def voxel_lps(volume, column: int, row: int, frame: int) -> np.ndarray:
    return (volume.affine @ [column, row, frame, 1])[:3] * [-1, -1, 1]


@pytest.mark.parametrize(
    ("orientation", "offsets", "expected"),
    [
        # row direction, column direction and z of the last frame, all from PS3.3 by hand
        ((1, 0, 0, 0, 1, 0), (0, 3, 6, 9), (-10 + 4 * 5, 20 + 2.5 * 4, 39)),
        ((1, 0, 0, 0, 1, 0), (0, -3, -6, -9), (10, 30, 21)),
        ((1, 0, 0, 0, 1, 0), (30, 33, 36, 39), (10, 30, 39)),
        ((1, 0, 0, 0, 1, 0), (30, 27, 24, 21), (10, 30, 21)),
        ((-1, 0, 0, 0, -1, 0), (0, 3, 6, 9), (-30, 10, 39)),
        ((-1, 0, 0, 0, 1, 0), (0, 3, 6, 9), (-30, 30, 21)),  # feet first: normal along -z
        ((-1, 0, 0, 0, 1, 0), (30, 27, 24, 21), (-30, 30, 21)),
        ((1, 0, 0, 0, 0, -1), (0, 3, 6, 9), (10, 29, 20)),  # coronal: normal along +y
    ],
)
def test_last_voxel_lies_where_the_standard_says(orientation, offsets, expected, tmp_path) -> None:
    volume, _ = read_dose(write(tmp_path, dose(orientation=orientation, offsets=offsets)))
    assert volume.data.shape == (6, 5, 4)
    np.testing.assert_allclose(voxel_lps(volume, 0, 0, 0), (-10, 20, 30), atol=1e-6)
    np.testing.assert_allclose(voxel_lps(volume, 5, 4, 3), expected, atol=1e-6)
    # frame, row, column in the file; column, row, frame in the volume
    assert volume.data[2, 3, 1] == STORED[1, 3, 2] * SCALING


def test_spacing_is_row_then_column(tmp_path: Path) -> None:
    volume, _ = read_dose(write(tmp_path, dose()))
    assert volume.spacing_mm == pytest.approx((4.0, 2.5, 3.0))


@pytest.mark.parametrize(
    ("offsets", "orientation", "message"),
    [
        ((0, 0, 0, 0), (1, 0, 0, 0, 1, 0), "uneven frame distances, 0 to 0 mm"),
        ((0, 3, 9, 6), (1, 0, 0, 0, 1, 0), "uneven frame distances, -3 to 6 mm"),
        ((7, 10, 13, 16), (1, 0, 0, 0, 1, 0), "neither 0 nor the z"),
        ((30, 33, 36, 39), (1, 0, 0, 0, 0, -1), "neither 0 nor the z"),
        ((0, 3, 6), (1, 0, 0, 0, 1, 0), "GridFrameOffsetVector has 3 values, 4 expected"),
    ],
)
def test_frames_in_doubt_are_refused(offsets, orientation, message: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=message):
        read_dose(write(tmp_path, dose(offsets=offsets, orientation=orientation)))


# --- objects that are no dose in Gy --------------------------------------------------------------


@pytest.mark.parametrize(
    ("keyword", "value", "message"),
    [
        ("DoseUnits", "RELATIVE", "DoseUnits are RELATIVE"),
        ("DoseUnits", None, "DoseUnits are missing"),
        ("DoseType", None, "DoseType is missing"),
        ("DoseType", "ERROR", "difference map"),
        ("DoseGridScaling", None, "DoseGridScaling is 0 or missing"),
        ("DoseGridScaling", 0, "DoseGridScaling is 0 or missing"),
        ("DoseGridScaling", "", "DoseGridScaling is 0 or missing"),
        ("DoseGridScaling", -1, "DoseGridScaling is -1"),
        ("DoseSummationType", "CANARY", "missing or unknown"),
        ("PixelData", None, "truncated, 0 of 480 bytes"),
        ("PixelData", b"\1\0\0\0", "truncated, 4 of 480 bytes"),
        ("PixelData", bytes(480), "zero everywhere"),
        ("NumberOfFrames", 1, "one plane"),
    ],
)
def test_unusable_dose_is_refused(keyword: str, value, message: str, tmp_path: Path) -> None:
    data = dose()
    if value is None:
        delattr(data, keyword)
    else:
        setattr(data, keyword, value)
    with pytest.raises(ValueError, match=message) as caught:
        read_dose(write(tmp_path, data))
    assert not any(c in str(caught.value) for c in (*CANARIES, str(tmp_path)))


def test_negative_dose_is_refused(tmp_path: Path) -> None:
    stored = STORED.astype(np.int32)
    stored[0, 0, 0] = -3
    with pytest.raises(ValueError, match=r"negative dose, -1\.5 Gy"):
        read_dose(write(tmp_path, dose(stored=stored)))


def test_dose_that_is_not_a_number_is_refused(tmp_path: Path) -> None:
    data = dose()
    del data.PixelData
    data.FloatPixelData = np.where(STORED == 7, np.nan, STORED).astype("<f4").tobytes()
    del data.BitsStored, data.HighBit, data.PixelRepresentation
    with pytest.raises(ValueError, match="NaN or infinite"):
        read_dose(write(tmp_path, data))
