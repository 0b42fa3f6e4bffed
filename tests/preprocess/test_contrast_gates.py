"""contrast_gates: planted failures of which every one must be seen, on heads of three tissues.

Two heads of random folds, coarse enough for seconds: what ANTs finds of phantoms and real scans is
in test_register_sequences.py and tests/ingest/test_real_sequences.py.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage
from scipy.spatial.transform import Rotation

from registrations import SETTINGS, mirrored
from ricenet.config import introduced
from ricenet.config.preprocess import Register
from ricenet.image import transforms
from ricenet.image.volume import Volume
from ricenet.preprocess import contrast_gates, left_right
from ricenet.step import passes

LIMITS = Register.model_validate(introduced.fill_in("register", SETTINGS))
SHAPE, MM = (56, 64, 48), 3.0
AFFINE = np.diag([MM, MM, MM, 1.0])
AFFINE[:3, 3] = -MM * (np.array(SHAPE) - 1) / 2
SIGNALS = {  # water, grey, white matter, scalp
    "T1ce": (0.24, 0.70, 1.0, 1.3), "T1": (0.24, 0.68, 1.0, 1.3), "T2": (1.0, 0.55, 0.40, 0.7),
    "FLAIR": (0.05, 0.55, 0.42, 0.8),
}  # fmt: skip


def brain_of(person: int) -> np.ndarray:
    x, y, z = np.meshgrid(*(np.linspace(-1, 1, n) for n in SHAPE), indexing="ij")
    wide = 0.62 + 0.02 * person
    return (x / wide) ** 2 + (y / 0.72) ** 2 + (z / 0.66) ** 2 < 1


def head(person: int, sequence: str, noise: int) -> Volume:
    """Folds of water, grey and white matter that belong to a person, in one sequence."""
    rng = np.random.default_rng(person)
    folds = ndimage.gaussian_filter(rng.standard_normal(SHAPE), 2.0)
    brain = brain_of(person)
    tissue = np.digitize(folds, np.quantile(folds[brain], [0.2, 0.6]))
    signal = np.array(SIGNALS[sequence])
    scalp = ndimage.binary_dilation(brain, iterations=4) & ~ndimage.binary_dilation(brain)
    data = np.where(brain, signal[:3][tissue], np.where(scalp, signal[3], 0.02))
    if sequence == "T1ce":
        vessels = ndimage.gaussian_filter(rng.standard_normal(SHAPE), 1.0)
        data[brain & (vessels > np.quantile(vessels[brain], 0.98))] = 1.6
    blurred = ndimage.gaussian_filter(data, 0.6)
    added = 0.03 * np.random.default_rng(noise).standard_normal(SHAPE)
    return Volume((500 * (blurred + added)).astype(np.float32), AFFINE)


def verdicts(moving: Volume, *, sequence: str, motion: np.ndarray | None = None) -> dict[str, bool]:
    """Which gates pass; ``motion`` is by how much registration there and back are wrong alike."""
    matrix = np.eye(4) if motion is None else motion
    there, back = (transforms.from_matrix_ras(m) for m in (matrix, np.linalg.inv(matrix)))
    brain = Volume(brain_of(1).astype(np.uint8), AFFINE)
    fixed = head(1, "T1ce", noise=11)
    found, _ = contrast_gates.of_contrasts(
        fixed, moving, brain, there, back, sequences=(sequence, "T1ce"), limits=LIMITS
    )
    return {check.name: passes(check) for check in found}


def shifted(mm: tuple[float, float, float] = (0, 0, 0), deg: float = 0.0) -> np.ndarray:
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_euler("z", deg, degrees=True).as_matrix()
    matrix[:3, 3] = mm
    return matrix


def pair(moving: Volume, motion: np.ndarray) -> left_right.Pair:
    """The two heads, registered wrongly by a motion there and back."""
    there = transforms.from_matrix_ras(motion)
    brains = [Volume(brain_of(1).astype(np.uint8), AFFINE)] * 2
    return left_right.pair_of(head(1, "T1ce", noise=11), moving, brains, there, 3.0, unlike=True)


@pytest.mark.parametrize("sequence", ["T2", "FLAIR", pytest.param("T1", marks=pytest.mark.slow)])
def test_the_right_scan_passes_and_each_planted_failure_is_seen(sequence: str) -> None:
    scan = head(1, sequence, noise=12)
    assert verdicts(scan, sequence=sequence) == {
        "brain-information": True, "information-nearby": True, "left-right": True,
        "brain-contrast": True,
    } | ({"agent-brightens": True} if sequence == "T1" else {})  # fmt: skip
    for motion in (shifted((0, 3, 0)), shifted((-2, 2, -2)), shifted(deg=5)):
        assert not passes(contrast_gates.of_neighbours(pair(scan, motion)))
    assert not verdicts(mirrored(scan), sequence=sequence)["left-right"]
    stranger = verdicts(head(2, sequence, noise=12), sequence=sequence)
    assert not stranger["left-right"]


@pytest.mark.parametrize(("given", "channel"), [("T2", "FLAIR"), ("FLAIR", "T2"), ("T2", "T1"),
                                               ("T1", "T2")])  # fmt: skip
def test_exchanged_sequences_are_seen(given: str, channel: str) -> None:
    found = verdicts(head(1, given, noise=12), sequence=channel)
    failed = [name for name, passed in found.items() if not passed]
    assert [name for name in failed if name != "agent-brightens"] == ["brain-contrast"]


def test_exchanged_t1_with_and_without_agent_are_seen() -> None:
    """What agent reaches is 2 % of the brain; noise, scale and the scans' units do not matter."""
    brain = brain_of(1)
    with_agent = head(1, "T1ce", noise=11).data[brain]
    without = head(1, "T1", noise=12).data[brain]
    assert passes(contrast_gates.of_agent(with_agent, 3.0 * without + 50))
    assert not passes(contrast_gates.of_agent(without, with_agent))
    again = head(1, "T1", noise=13).data[brain]
    assert not passes(contrast_gates.of_agent(again, without))
    assert not passes(contrast_gates.of_agent(without, without))


def test_an_empty_scan_passes_nothing() -> None:
    empty = Volume(np.zeros(SHAPE, np.float32), AFFINE)
    assert not any(verdicts(empty, sequence="T2").values())


def test_beside_a_t2_nothing_is_known_of_brightness() -> None:
    assert contrast_gates.of_sequence(0.5, "FLAIR", "T2").value is None
