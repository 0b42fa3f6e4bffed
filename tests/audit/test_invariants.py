"""Each invariant fails on files that look whole, sealed and all, and are physically wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from finished_study import Finished
from ricenet.audit import chain, measure, records
from ricenet.audit.dose_invariants import course_maximum_gy
from ricenet.audit.invariants import ROUNDING_TOLERANCE, halves_apart, scaled_dose
from ricenet.image.volume import Volume, load, save
from ricenet.provenance import atomic, digests, record

SUBJECT = "subjects/S2"


def failed(root: Path) -> set[tuple[str, str]]:
    """Files and checks of the invariants that do not hold, all records believed."""
    study = records.read(root)
    todo = measure.tasks(root, chain.wanted(study), study.records.values())
    return {
        (finding.file, finding.check["check"])
        for finding in measure.run(todo, processes=1).findings
        if finding.check["verdict"] == "fail"
    }


@pytest.fixture
def root(small_study: Finished, tmp_path: Path) -> Path:
    return small_study.copied(tmp_path / "copy").root


def rewrite(path: Path, change: Callable[[np.ndarray, np.ndarray], object]) -> None:
    """Change voxels and affine of a volume in place."""
    volume = load(path, parts=True)
    data, affine = volume.data.copy(), volume.affine.copy()
    change(data, affine)
    save(path, Volume(data, affine))


def scale(factor: float):
    return lambda data, affine: np.multiply(data, factor, out=data)


def shift(mm: float):
    return lambda data, affine: affine.__setitem__((0, 3), affine[0, 3] + mm)


def put(value: float, index=(0, 0, 0)):
    return lambda data, affine: data.__setitem__(index, value)


IN_BRAIN = (10, 10, 10)
WRONG = [
    ("event_isotropic", lambda d, a: a.__setitem__(slice(0, 3), a[:3] * 1.001),
     ("event_isotropic", "spacing-error")),
    ("event_brain-mask", put(2, IN_BRAIN), ("event_brain-mask", "binary")),
    ("event_registered", shift(0.01), ("event_registered", "same-grid event_registered")),
    ("event_zscored", scale(1.01), ("event_zscored", "deviation-in-brain")),
    ("event_zscored", put(0.5), ("event_zscored", "background event_zscored")),
    ("event_zscored", shift(-0.01), ("event_zscored", "same-grid event_zscored")),
    ("dose_registered", put(-0.5), ("dose_registered", "dose-minimum")),
    ("dose_registered", scale(1.05), ("dose_registered", "dose-integral")),
    ("dose_total", put(-0.5, IN_BRAIN), ("dose_total", "dose-minimum")),
    ("dose_total", scale(2.0), ("dose_total", "dose-maximum")),
    ("dose_total", put(0.5), ("dose_total", "background dose_total")),
    ("dose_native", scale(0.5), ("dose_total", "dose-maximum")),
    ("brain-mask_cropped", put(0, IN_BRAIN), ("brain-mask_cropped", "brain-voxels-lost")),
    ("brain-mask_cropped", shift(0.5), ("brain-mask_cropped", "whole-voxels")),
    ("event_cropped", shift(0.01), ("event_cropped", "same-grid event_cropped")),
    ("event_cropped", put(0.5), ("event_cropped", "background event_cropped")),
]  # fmt: skip


@pytest.mark.parametrize(("name", "change", "expected"), WRONG)
def test_wrong_volume_is_found(name, change, expected, root: Path) -> None:
    rewrite(root / SUBJECT / f"{name}.nii.gz", change)
    file, check = expected
    assert (f"{SUBJECT}/{file}.nii.gz", check) in failed(root)


def test_study_as_made_fails_nothing_and_every_step_is_looked_at(small_study: Finished) -> None:
    assert failed(small_study.root) == set()
    study = records.read(small_study.root)
    assert set(measure.STEPS_WITH_INVARIANTS) <= {r.step for r in study.records.values()}


@pytest.mark.parametrize("place", [0, 1, 2])
def test_cache_that_is_off_by_one_rounding_is_found(place: int, root: Path) -> None:
    path = root / "caches/S2.npy"
    cache = np.load(path)
    brain = tuple(np.argwhere(np.abs(cache[place]) > 0.1)[0])
    cache[(place, *brain)] = np.nextafter(cache[(place, *brain)], np.float16(np.inf))
    np.save(path, cache)
    name = ("postop", "event", "dose")[place]
    assert failed(root) == {("caches/S2.npy", f"equals {name}_cropped")}


def test_volume_of_another_shape_is_no_crash(root: Path) -> None:
    path = root / SUBJECT / "event_zscored.nii.gz"
    volume = load(path)
    save(path, Volume(volume.data[1:], volume.affine))
    assert (f"{SUBJECT}/event_zscored.nii.gz", "computable") in failed(root)


def test_accepted_loss_of_brain_is_no_problem_and_another_is(root: Path) -> None:
    rewrite(root / SUBJECT / "brain-mask_cropped.nii.gz", put(0, IN_BRAIN))
    path = root / SUBJECT / "crop.json"
    content = json.loads(path.read_text())
    digest = digests.file_digest(root / SUBJECT / "brain-mask_cropped.nii.gz")
    content["outputs"]["cropped-mask"][0]["digest"] = digest
    atomic.write_json(path, content | {"seal": record.seal(content)})
    study = records.read(root)
    todo = measure.tasks(root, chain.wanted(study), study.records.values())
    found = measure.run(todo, processes=1)
    sound = chain.sound_files(study, found.digests)

    def invalid(accepted: set[tuple[str, str]]) -> list[str]:
        return [p.why.split()[0] for p in chain.invalid(found.findings, sound, accepted)]

    assert "brain-voxels-lost" in invalid(set())
    assert "brain-voxels-lost" in invalid({("S1", "crop/brain-voxels-lost")})
    assert "brain-voxels-lost" not in invalid({("S2", "crop/brain-voxels-lost")})


# --- formulas -------------------------------------------------------------------------------------


def test_course_maximum_of_two_plans() -> None:
    """2 fractions of 3 Gy here and a total of 5 Gy there; their maxima lie apart."""
    native = np.zeros((2, 1, 1, 2), np.float32)
    native[0, 0, 0, 0], native[1, 0, 0, 1] = 3, 5
    parts = [{"factor": 2, "fractions": 2}, {"factor": 1, "fractions": 5}]
    physical = {"quantity": "physical", "alpha_beta_gy": 2.0}
    assert course_maximum_gy(native, parts, physical) == 6
    eqd2 = physical | {"quantity": "eqd2"}
    # 6 Gy in 3 Gy, 5 Gy in 1 Gy: D (d + 2) / 4
    assert course_maximum_gy(native, parts, eqd2) == pytest.approx(6 * 5 / 4 + 5 * 3 / 4)


def test_scaling_of_the_dose() -> None:
    brain = np.array([True, True, False])
    dose = np.array([30.0, 60.0, 9.0])
    constant = {"dose_scaling": "constant", "dose_scale_gy": 60.0}
    assert scaled_dose(dose, brain, constant).tolist() == [0.5, 1.0, 0.15]
    assert scaled_dose(dose, brain, constant | {"dose_scaling": "zscore"}).tolist() == [-1, 1, 0]


def test_rounding_to_half_precision_is_allowed_and_no_more() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=10_000) * 10.0 ** rng.uniform(-8, 3, 10_000)
    stored = values.astype(np.float16)
    assert 0.99 < halves_apart(stored, values) <= 1
    for direction in (-np.inf, np.inf):
        off = np.nextafter(stored, np.float16(direction))
        each = [halves_apart(a[None], b[None]) for a, b in zip(off, values, strict=True)]
        assert np.mean(np.array(each) > ROUNDING_TOLERANCE) > 0.98
    assert halves_apart(stored[:5], values[:4]) == np.inf
