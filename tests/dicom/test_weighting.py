"""weighting: sequences of brain protocols, and real headers."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydicom.dataset import Dataset

from dicom_phantoms import enhanced, needs, slice_of, write
from ricenet.dicom import files
from ricenet.dicom.weighting import Acquisition, acquisition, of_series, weighting


def of(echo_ms, repetition_ms, inversion_ms, *sequence) -> str | None:
    return weighting(Acquisition(echo_ms, repetition_ms, inversion_ms, sequence, True))


# Typical times of brain protocols at 1.5 and 3 T
@pytest.mark.parametrize(
    ("what", "expected", "times"),
    [
        ("MPRAGE", "T1", (2.5, 2100, 900, "GR", "IR")),
        ("BRAVO of GE, sequence without IR", "T1", (3.2, 8.2, 450, "GR")),
        ("spin echo", "T1", (12, 600, None, "SE")),
        ("turbo spin echo, effective echo", "T1", (28, 700, None, "SE")),
        ("T1 FLAIR", "T1", (10, 2200, 850, "SE", "IR")),
        ("no sequence named", "T1", (4, 9, None)),
        ("T2 turbo spin echo", "T2", (95, 4500, None, "SE")),
        ("FLAIR", "T2", (120, 9000, 2500, "SE", "IR")),
        ("diffusion", "T2", (65, 6000, None, "EP", "SE")),
        ("T2* gradient echo", "T2", (20, 650, None, "GR")),
        ("susceptibility", "T2", (20, 28, None, "GR")),
        ("proton density", "PD", (15, 3000, None, "SE")),
        ("no echo time", None, (None, 600, None, "SE")),
    ],
)
def test_weighting_of_usual_sequences(what, expected, times) -> None:
    assert of(*times) == expected


def test_classic_header(tmp_path: Path) -> None:
    data = slice_of(0)
    data.EchoTime, data.RepetitionTime, data.InversionTime = 3.5, 2100, 900
    data.ScanningSequence, data.ContrastBolusAgent = ["GR", "IR", "CANARY"], "CANARY agent"
    (file,), _ = files.find(write(tmp_path, data))
    assert acquisition(file) == Acquisition(3.5, 2100, 900, ("IR", "GR"), True)


@pytest.mark.parametrize("agent", [None, "", "None", "NO"])
def test_no_contrast_agent(agent: str | None, tmp_path: Path) -> None:
    data = slice_of(0)
    if agent is not None:
        data.ContrastBolusAgent = agent
    data.EchoTime = 0
    (file,), _ = files.find(write(tmp_path, data))
    assert acquisition(file) == Acquisition(None, None, None, (), False)


def test_enhanced_header(tmp_path: Path) -> None:
    data, echo, timing, agent = enhanced(), Dataset(), Dataset(), Dataset()
    echo.EffectiveEchoTime, timing.RepetitionTime, agent.ContrastBolusAgentNumber = 4.5, 8.5, 1
    data.SharedFunctionalGroupsSequence[0].MREchoSequence = [echo]
    data.SharedFunctionalGroupsSequence[0].MRTimingAndRelatedParametersSequence = [timing]
    data.EchoPulseSequence, data.ContrastBolusAgentSequence = "GRADIENT", [agent]
    (file,), _ = files.find(write(tmp_path, data))
    assert acquisition(file) == Acquisition(4.5, 8.5, None, ("GR",), True)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("mr_vendors/ge_anatomical_001", "T1"),  # BRAVO
        ("mr_vendors/philips_anatomical_001", "T2"),  # FLAIR, echo at 387 ms
        ("mr_vendors/siemens_anatomical_001", "T2"),  # FLAIR, echo at 394 ms
        ("mr_same_subject_two_positions/HFS", "T1"),
        ("mr_broken/sliceorientation", "T2"),
    ],
)
def test_real_headers(name: str, expected: str) -> None:
    found, _ = files.find(needs(name))
    assert weighting(of_series(found)) == expected


def test_ct_is_not_weighted() -> None:
    found, _ = files.find(needs("mr_broken/gantrytilting"))
    assert of_series(found) is None
