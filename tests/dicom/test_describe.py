"""describe: what identifies a series without identifying a person."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from dicom_phantoms import CANARIES, HEAD_FIRST, UID, enhanced, write, write_series
from ricenet.dicom import files
from ricenet.dicom.describe import describe_series, describe_words, distance_mm, series_code


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("T1 MPRAGE GD", "T1 MPRAGE GD"),
        ("t1_mprage_sag_p2_iso", "t1 mprage sag … iso"),
        ("AX T1 3D 1.0mm 3T +KM", "AX T1 3D 1.0mm 3T KM"),
        ("Müller^Hans T1w", "… T1w"),
        ("T1 for Mrs Sagal, born 19450617", "T1 for …"),
        ("T1 12", "T1 12"),
        ("T1 3/2/21", "T1 …"),
        ("SAG 12.03.45", "SAG …"),
        ("SAG 12.03", "SAG …"),
        ("T1 0123456", "T1 …"),
        ("Brainard", "…"),
        ("", ""),
        ("^^/_", ""),
        ("T1 ²³ ٣", "T1 …"),
        ("T1 " * 1000, "T1 " * 66 + "T1"),
    ],
)
def test_only_words_of_protocols_are_shown(text: str, expected: str) -> None:
    assert describe_words(text) == expected


def test_a_series_in_a_line(tmp_path: Path) -> None:
    def describe(planes):
        for plane in planes:
            plane.SeriesDescription = "CANARY T1 mprage 19450617 gd"

    found, _ = files.find(write_series(tmp_path, describe))
    code = hashlib.sha256(f"{UID}.2".encode()).hexdigest()[:8]
    expected = f'{code}: MR, 6 slices of 9 x 7, 2.2 mm apart, "… T1 mprage … gd"'
    assert describe_series(found) == expected
    assert series_code(f"{UID}.2") == code
    assert describe_series([*found, found[0]]) == expected  # a copy is not another slice


def test_protocol_where_the_description_says_nothing(tmp_path: Path) -> None:
    def name(planes):
        for plane in planes:
            plane.ProtocolName = "CANARY T1 sag"

    found, _ = files.find(write_series(tmp_path / "a", name))
    assert describe_series(found).endswith('"… T1 sag"')
    found, _ = files.find(write_series(tmp_path / "b"))
    line = describe_series(found)
    assert line.endswith('"…"') and not any(c in line for c in CANARIES)


def test_distance_of_slices(tmp_path: Path) -> None:
    """Of an enhanced object too; none where slices are turned against each other, or not placed."""
    (file,), _ = files.find(write(tmp_path / "e", enhanced()))
    assert distance_mm([file]) == pytest.approx(2.2, abs=1e-3)

    def turn(planes):
        planes[2].ImageOrientationPatient = list(HEAD_FIRST)

    def lose(planes):
        del planes[2].ImagePositionPatient

    for i, change in enumerate((turn, lose)):
        found, _ = files.find(write_series(tmp_path / str(i), change))
        assert distance_mm(found) is None
        assert "6 slices of 9 x 7, " in describe_series(found)
