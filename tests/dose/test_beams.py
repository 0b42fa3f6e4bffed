"""Beams of a plan: setup beams, and plans that were cut short."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydicom.dataset import Dataset

from dicom_phantoms import plan, write
from ricenet.dicom.files import find
from ricenet.dose.objects import read_plan


def read(folder: Path, data: Dataset):
    (file,), _ = find(write(folder, data))
    return read_plan(file)


def announced(data: Dataset, *, beams: int | None = None, points: int | None = None) -> Dataset:
    if beams:
        data.FractionGroupSequence[0].NumberOfBeams = beams
    if points:
        data.BeamSequence[0].NumberOfControlPoints = points
        data.BeamSequence[0].ControlPointSequence = [Dataset(), Dataset()]
    return data


def test_setup_beams_deliver_nothing(tmp_path: Path) -> None:
    assert read(tmp_path, plan(setup=(9,))).beams == {(1, 1), (1, 2)}


def test_whole_plans_and_stripped_ones_are_read(tmp_path: Path) -> None:
    assert read(tmp_path / "a", announced(plan(), beams=2, points=2)).planned == 30
    stripped = plan()
    del stripped.BeamSequence
    stripped.FractionGroupSequence[0].NumberOfBeams = 2
    assert len(read(tmp_path / "b", stripped).beams) == 2
    bare = announced(plan(), beams=2)
    del bare.FractionGroupSequence[0].ReferencedBeamSequence
    assert read(tmp_path / "c", bare).planned == 30


def test_plans_that_hold_less_than_announced_are_refused(tmp_path: Path) -> None:
    lost = plan()
    del lost.BeamSequence[1]
    plans = [announced(plan(), beams=3), announced(plan(), points=3), lost]
    for number, data in enumerate(plans):
        with pytest.raises(ValueError, match="holds less than it announces"):
            read(tmp_path / str(number), data)
