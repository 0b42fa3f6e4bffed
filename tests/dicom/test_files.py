"""dicom.files: what a hostile or damaged file does to the reader of headers."""

from __future__ import annotations

from pathlib import Path

import pydicom
import pytest

import bombs
from dicom_phantoms import CANARIES, write_series
from ricenet.dicom import files, planes


def message(path: Path) -> str:
    with pytest.raises(ValueError) as caught:
        files.find(path)
    assert not any(c in str(caught.value) for c in (*CANARIES, str(path)))
    return str(caught.value)


def test_folder_with_a_pipe_is_refused_and_not_read(tmp_path: Path) -> None:
    import os

    folder = write_series(tmp_path / "s")
    os.mkfifo(folder / "CANARY.dcm")
    assert "1 entries that are a pipe" in message(folder)
    assert "neither file nor folder" in message(folder / "CANARY.dcm")


@pytest.mark.parametrize("marked", [True, False])
def test_deflated_files_are_never_inflated(marked: bool, tmp_path: Path, monkeypatch) -> None:
    folder = bombs.deflated(tmp_path / "s", marked=marked)
    monkeypatch.setattr("zlib.decompress", lambda *_: pytest.fail("inflated"))
    assert "deflated transfer syntax" in message(folder)


def test_names_that_are_no_text_are_read(tmp_path: Path) -> None:
    folder = write_series(tmp_path / "s")
    for name in ("a\nb.dcm", "\udcff.dcm", "$(x)"):
        next(folder.glob("CANARY*")).rename(folder / name)
    found, ignored = files.find(folder)
    assert (len(found), ignored) == (6, 0)
    assert all("in name order" in file.label for file in found)


class Panic(BaseException):
    """As the panics of libraries in Rust: no Exception."""


@pytest.mark.parametrize("kind", [Panic, MemoryError, RecursionError, KeyError])
def test_decoder_that_fails_in_any_way_is_a_refusal(kind, tmp_path: Path, monkeypatch) -> None:
    def fail(self):
        raise kind("CANARY")

    file = files.find(write_series(tmp_path / "s"))[0][0]
    monkeypatch.setattr(pydicom.FileDataset, "pixel_array", property(fail))
    with pytest.raises(ValueError, match=f"cannot be decoded \\({kind.__name__}\\)") as caught:
        planes.pixels(file)
    assert "CANARY" not in str(caught.value)


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_decoder_that_is_interrupted_is_no_refusal(kind, tmp_path: Path, monkeypatch) -> None:
    def stop(self):
        raise kind

    file = files.find(write_series(tmp_path / "s"))[0][0]
    monkeypatch.setattr(pydicom.FileDataset, "pixel_array", property(stop))
    with pytest.raises(kind):
        planes.pixels(file)
