"""synthetic: phantoms are known by their headers, persons are not, and every page says so."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dicom_phantoms import HEAD_FIRST, MR, UID, base, put_pixels, write
from ricenet.phantom import dicom
from ricenet.study import synthetic
from ricenet.study.synthetic import is_phantom


def of_scanner(folder: Path) -> Path:
    data = base(MR, f"{UID}.1", "MR")
    data.ImageOrientationPatient = list(HEAD_FIRST)
    put_pixels(data, np.zeros((4, 4), np.int16))
    write(folder, data)
    return folder


def of_phantom(folder: Path) -> Path:
    origin = dicom.Origin("P001", 7, 2.0, 2.0)
    item = dicom.new_object(
        origin, dicom.EVENT, sop_class=MR, modality="MR", key="0", description="T1"
    )
    folder.mkdir(parents=True)
    item.save_as(folder / "0.dcm", enforce_file_format=True)
    return folder


def test_a_phantom_is_known_by_its_header_and_a_scan_is_none(tmp_path: Path) -> None:
    assert is_phantom(of_phantom(tmp_path / "a" / "dicom")) and is_phantom(tmp_path / "a")
    assert is_phantom(tmp_path / "a/dicom/0.dcm")
    assert not is_phantom(of_scanner(tmp_path / "b"))
    (tmp_path / "empty").mkdir()
    for name in ("empty", "none", "b\0"):
        assert not is_phantom(tmp_path / name)


@pytest.mark.parametrize(
    ("found", "stated", "words"),
    [
        ([], False, ""),
        ([], True, "Synthetic patients, made by a program."),
        (["A", "B"], False, "Synthetic patients, made by a program."),
        (["B"], False, "1 of 2 subjects are synthetic"),
        (["Z"], False, ""),  # of nobody who is here
    ],
)
def test_the_banner(found: list[str], stated: bool, words: str) -> None:
    said = synthetic.warning(found, ["A", "B"], stated=stated)
    assert said.startswith(words) and bool(said) == bool(words)
