"""Thousands of damaged files through ingest: a sound volume or a clear refusal, nothing else."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
import pytest
from pydicom.uid import JPEG2000Lossless, RLELossless

import damage
from dicom_phantoms import (
    CANARIES,
    DATA,
    DOSE_SETTINGS,
    SMALL,
    dose,
    enhanced,
    plan,
    slice_of,
    write,
    write_series,
)
from forked import Outcome, in_child
from ricenet.image.volume import Volume
from ricenet.ingest import ingest_dose, ingest_mri

COUNT = int(os.environ.get("RICENET_FUZZ_FILES", "2200"))
BATCH = 50
SLOWEST_S = 10
STEPS = 60
REAL_SERIES = (
    "mr_vendors/generic_anatomical_002_non_isotropic",
    "mr_vendors/ge_anatomical_001",
    "mr_compressed/compressed",
    "mr_compressed/compressed_jpegls",
    "mr_compressed/compressed_rle",
)
DOSE_ROW = {"dose_kind": "total", "dose_units": "Gy", "dose_frame": "event", "fractions": "30"}


@dataclass(frozen=True)
class Source:
    """A sound input: a folder of DICOM, or one NIfTI file in a folder of its own."""

    name: str
    folder: Path
    is_dose: bool
    secrets: tuple[str, ...]

    def raw(self, folder: Path) -> Path:
        found = list(folder.glob("*.nii*"))
        return found[0] if found else folder


def jpeg2000_series() -> list[pydicom.FileDataset]:
    planes = [slice_of(k, shape=(40, 36)) for k in range(4)]  # the encoder takes nothing smaller
    for plane in planes:
        plane.compress(JPEG2000Lossless)
    return planes


def compressed(syntax) -> Callable:
    return lambda planes: [p.compress(syntax) for p in planes]


def nifti(folder: Path, name: str) -> Path:
    folder.mkdir()
    data = np.random.default_rng(5).gamma(2, 10, (9, 8, 7)).astype(np.float32)
    nib.save(nib.Nifti1Image(data, np.diag([1.0, 2, 3, 1])), folder / name)
    return folder


def secrets_of(folder: Path) -> tuple[str, ...]:
    """What identifies the person of real files: long values that stand in their headers."""
    found: set[str] = set()
    for path in folder.iterdir():
        header = pydicom.dcmread(path, stop_before_pixels=True, force=True)
        for key in ("PatientName", "PatientID", "StudyInstanceUID", "SOPInstanceUID", "StudyDate"):
            found.add(str(header.get(key, "")))
    return tuple(value for value in found if len(value) >= 6)


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> list[Source]:
    top = tmp_path_factory.mktemp("sound")
    made = {
        "classic": write_series(top / "classic", count=4),
        "rle": write_series(top / "rle", compressed(RLELossless), count=4),
        "jpeg2000": write(top / "jpeg2000", *jpeg2000_series()),
        "enhanced": write(top / "enhanced", enhanced()),
        "nii": nifti(top / "nii", "CANARY.nii"),
        "nii.gz": nifti(top / "nii.gz", "CANARY.nii.gz"),
        "dose": write(top / "dose", dose(stored=SMALL), plan()),
        "dose beams": write(
            top / "beams",
            dose("BEAM", number=1, stored=SMALL, group=1, beams=(1,)),
            dose("BEAM", number=2, stored=SMALL, group=1, beams=(2,)),
            plan(),
        ),
        "dose nii.gz": nifti(top / "dose-nii.gz", "CANARY.nii.gz"),
    }
    packed = dose(stored=SMALL.astype(np.uint16))
    packed.compress(RLELossless)
    made["dose rle"] = write(top / "dose-rle", packed, plan())
    found = [Source(n, f, n.startswith("dose"), CANARIES) for n, f in made.items()]
    for name in REAL_SERIES:
        if (DATA / name).exists():
            folder = shutil.copytree(DATA / name, top / name.replace("/", "-"))
            found.append(Source(name, folder, False, secrets_of(folder)))
    return found


@dataclass(frozen=True)
class Case:
    """A copy of a source with one damaged file."""

    number: int
    source: Source
    raw: Path

    def read(self) -> str:
        """Read it as the step does; what is wrong with the volume, empty for a sound one."""
        if self.source.is_dose:
            row = DOSE_ROW if self.raw.is_file() else {}
            volume, facts = ingest_dose.read(self.raw, row, DOSE_SETTINGS)
        else:
            volume, facts = ingest_mri.read(self.raw, min_slices=3)
        json.dumps(facts, allow_nan=False)
        return unsound(volume)

    def run(self) -> None:
        """Run the step itself."""
        step = ingest_dose if self.source.is_dose else ingest_mri
        argv = ["--raw", str(self.raw), "--out", str(self.out / "v.nii.gz")]
        argv += ["--record", str(self.out / "v.json"), "--log", str(self.out / "v.log")]
        settings = DOSE_SETTINGS if self.source.is_dose else {"min_slices": 3}
        argv += ["--settings", json.dumps(settings)]
        if self.source.is_dose:
            argv += ["--row", json.dumps(DOSE_ROW if self.raw.is_file() else {})]
        step.main(argv)

    @property
    def out(self) -> Path:
        return self.source.folder.parent / f"out-{self.number}"


def unsound(volume: Volume) -> str:
    data, affine = volume.data, volume.affine
    if data.ndim != 3 or data.dtype != np.float32 or min(data.shape) < 2:
        return f"a volume of shape {data.shape}, type {data.dtype}"
    if not np.isfinite(data).all() or data.min() == data.max():
        return "voxels that are not finite, or all the same"
    if not np.isfinite(affine).all() or abs(np.linalg.det(affine[:3, :3])) < 1e-9:
        return "an affine that is not finite or not invertible"
    return ""


def make_case(number: int, sources: list[Source], folder: Path) -> Case:
    rng = np.random.default_rng([2026, number])
    source = sources[number % len(sources)]
    place = folder / f"CANARY-{number}"
    place.mkdir()
    files = sorted(source.folder.iterdir())
    victim = files[int(rng.integers(len(files)))]
    for file in files:
        if file == victim:
            (place / file.name).write_bytes(damage.damaged(rng, file.name, file.read_bytes()))
        else:
            os.link(file, place / file.name)
    return Case(number, source, source.raw(place))


def outcomes(cases: list[Case]) -> list[Outcome]:
    """One outcome a case: in one child, and file by file after the one that took it down."""
    found = in_child([case.read for case in cases], timeout_s=BATCH * SLOWEST_S)
    while len(found) < len(cases):
        rest = cases[len(found) :]
        found += in_child([case.read for case in rest], timeout_s=BATCH * SLOWEST_S)
    return found


def complaint(case: Case, outcome: Outcome) -> str:
    """What is wrong with an outcome; empty for a sound volume and a clear refusal."""
    if outcome.kind == "fine":
        return outcome.text
    if outcome.kind not in ("refused", "exhausted"):
        return f"{outcome.kind}: {outcome.text}"
    if outcome.seconds > SLOWEST_S:
        return f"took {outcome.seconds:.0f} s"
    told = [s for s in (*case.source.secrets, *CANARIES, "/tmp", "Traceback") if s in outcome.text]
    if told or str(case.raw.parent) in outcome.text:
        return f"tells {told}: {outcome.text}"
    return "" if len(outcome.text) > 20 else f"unclear: {outcome.text!r}"


def test_damaged_files_are_read_or_refused_clearly(
    sources: list[Source], tmp_path: Path, record_property: Callable
) -> None:
    started, counts, wrong = time.monotonic(), Counter[str](), []
    for first in range(0, COUNT, BATCH):
        numbers = range(first, min(first + BATCH, COUNT))
        cases = [make_case(number, sources, tmp_path) for number in numbers]
        for case, outcome in zip(cases, outcomes(cases), strict=True):
            counts[outcome.kind] += 1
            if problem := complaint(case, outcome):
                wrong.append(f"{case.number} {case.source.name}: {problem}")
        for case in cases:
            shutil.rmtree(case.raw if case.raw.is_dir() else case.raw.parent)
    record_property("fuzz", f"{dict(counts)} in {time.monotonic() - started:.0f} s")
    print(dict(counts), f"{time.monotonic() - started:.0f} s")
    assert not wrong, "\n".join([f"{len(wrong)} of {COUNT}:", *wrong[:40]])
    # both ways were taken: a reader that refuses all, or damage that does none, would pass else
    assert counts["fine"] > COUNT / 20 and counts["refused"] > COUNT / 4


def test_step_leaves_no_output_where_it_refuses(sources: list[Source], tmp_path: Path) -> None:
    """The step itself on some of the files: all outputs or none, and a note where none."""
    cases = [make_case(number, sources, tmp_path) for number in range(STEPS)]
    refused = 0
    for case, outcome in zip(cases, in_child([c.run for c in cases]), strict=True):
        left = {p.name for p in case.out.iterdir()}
        if outcome.kind == "fine":
            assert left == {"v.nii.gz", "v.json", "v.log"}
            continue
        refused += 1
        assert left == {"v.log", "v.failed.json"}, f"{case.number}: {outcome.text}"
        log = (case.out / "v.log").read_text() + (case.out / "v.failed.json").read_text()
        assert complaint(case, Outcome("refused", log)) == ""
        assert outcome.kind != "raised", outcome.text
    assert refused > STEPS / 3


def test_fuzz_sees_what_it_looks_for(sources: list[Source], tmp_path: Path, monkeypatch) -> None:
    """Each kind of bad end is told from a good one."""
    case = make_case(0, sources, tmp_path)

    def end(read: Callable) -> str:
        monkeypatch.setattr(Case, "read", read)
        return complaint(case, outcomes([case])[0])

    def wrong(error: Exception) -> Callable:
        def read(self) -> str:
            raise error

        return read

    assert end(lambda self: "") == ""
    assert end(lambda self: "odd") == "odd"
    assert end(wrong(ValueError("a message that says what is wrong"))) == ""
    assert end(wrong(ValueError("no"))).startswith("unclear")
    assert end(wrong(KeyError("x"))).startswith("raised")
    assert end(wrong(ValueError(f"a message about {CANARIES[0]} and more"))).startswith("tells")
    assert end(lambda self: os._exit(3)) == "died: exit 3"
