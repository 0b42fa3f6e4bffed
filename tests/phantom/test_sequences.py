"""T1, T2 and FLAIR of a phantom's event visit: bright where they should be, and where."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pydicom
import pytest

from ricenet.phantom.files import make_subject
from ricenet.phantom.sequences import MOST_DEG, SEQUENCES

pytestmark = pytest.mark.long  # the canonical head is painted three times more
SETTINGS = {"seed": 3, "canvas_mm": 3.0, "scale": 1.0, "nifti": False}


@pytest.fixture(scope="module")
def subject(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_subject(tmp_path_factory.mktemp("sequences"), 0, sequences=True, **SETTINGS)


def truth_of(folder: Path) -> dict:
    return json.loads((folder / "truth" / "truth.json").read_text())


def digests(folder: Path) -> dict[str, str]:
    found = (path for path in sorted((folder / "dicom").rglob("*.dcm")))
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in found}


def brightness(folder: Path, point_ras_mm: np.ndarray) -> float:
    """Mean of the 3 x 3 voxels nearest to a point, over the median of bright tissue."""
    planes = [pydicom.dcmread(path) for path in sorted(folder.glob("*.dcm"))]
    place = np.array(point_ras_mm) * (-1, -1, 1)
    row, column = (np.array(planes[0].ImageOrientationPatient, float)[i : i + 3] for i in (0, 3))
    normal = np.cross(row, column)
    away = [abs((place - np.array(p.ImagePositionPatient, float)) @ normal) for p in planes]
    plane = planes[int(np.argmin(away))]
    along = place - np.array(plane.ImagePositionPatient, float)
    down, across = (float(mm) for mm in plane.PixelSpacing)
    i, j = round(along @ column / down), round(along @ row / across)
    values = np.stack([p.pixel_array for p in planes])
    inside = values[values > np.quantile(values, 0.7)]
    return float(plane.pixel_array[i - 1 : i + 2, j - 1 : j + 2].mean() / np.median(inside))


def test_they_change_nothing_else(subject: Path, tmp_path: Path) -> None:
    """Off by default: the demo's patients are the same bytes."""
    without = make_subject(tmp_path, 0, **SETTINGS)
    mine, theirs = digests(subject), digests(without)
    assert {name: mine[name] for name in theirs} == theirs
    added = {Path(name).parts[1] for name in set(mine) - set(theirs)}
    assert added == set(SEQUENCES) == {"t1", "t2", "flair"}
    common = truth_of(without)
    assert {name: truth_of(subject)[name] for name in common} == common


def test_fluid_of_the_cavity_is_bright_in_t2_alone(subject: Path) -> None:
    truth = truth_of(subject)
    found = {}
    for name in SEQUENCES:
        to_event = np.array(truth[f"{name}_to_event"])
        point = np.linalg.inv(to_event) @ [*truth["cavity_event_mm"], 1]
        found[name] = brightness(subject / "dicom" / name, point[:3])
    print(found)
    assert found["t2"] > 1.2 and found["t1"] < 0.7 and found["flair"] < 0.7


def test_headers_and_poses(subject: Path) -> None:
    truth, event = truth_of(subject), pydicom.dcmread(subject / "dicom/event/IM0001.dcm")
    for name, sequence in SEQUENCES.items():
        planes = [pydicom.dcmread(p) for p in sorted((subject / "dicom" / name).glob("*.dcm"))]
        first = planes[0]
        assert 15 <= len(planes) <= 40 and first.MRAcquisitionType == "2D"
        assert str(first.EchoTime) == sequence.echo_ms and not first.ContrastBolusAgent
        assert first.FrameOfReferenceUID == event.FrameOfReferenceUID  # and yet the head moved
        assert first.StudyInstanceUID == event.StudyInstanceUID
        assert first.SeriesInstanceUID != event.SeriesInstanceUID
        matrix = np.array(truth[f"{name}_to_event"])
        angle = np.degrees(np.arccos((np.trace(matrix[:3, :3]) - 1) / 2))
        assert 0.1 < angle < MOST_DEG * np.sqrt(3) + 0.1
