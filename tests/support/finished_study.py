"""A small finished study in seconds: the real rules and the real steps, in this process.

Snakemake plans it; its commands are then called as functions, without a new interpreter for each.
Heads are stripped spheres of some thousand voxels, so that no HD-BET is needed. Their headers are
full of canaries, as in ``dicom_phantoms``.
"""

from __future__ import annotations

import importlib
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import yaml
from scipy import ndimage

from dicom_phantoms import HEAD_FIRST, MR, UID, base, dose, plan, put_pixels, write
from outline_objects import structure_set
from plans import write_plan
from ricenet.provenance.steps import STEPS

ROOT = Path(__file__).parents[2]
LABELS = {"S1": "RICE", "S2": "RICE", "S3": "recurrence", "S4": "recurrence", "S5": "RICE"}
COHORT = {"S1": "train\t0", "S2": "train\t1", "S3": "train\t0", "S4": "train\t1", "S5": "test\t"}
SIZE, SPACING_MM = 20, 10.0  # 1.2 litres of brain
CHANNELS = [
    {"name": "postop", "kind": "mri"},
    {"name": "event", "kind": "mri"},
    {"name": "dose", "kind": "dose"},
    {"name": "gtv", "kind": "mask", "of": "postop"},
]
SETTINGS = {
    "resample": {"spacing_mm": SPACING_MM},
    "register": {"iterations": [5, 0, 0, 0], "min_mask_dice": 0.0, "min_correlation": 0.0,
                 "min_left_right": 0.0},
    "crop": {"shape": [20, 20, 20]},
    "ingest_dose": {"max_total_gy": 5000.0},
    "train_model": {"epochs": 1, "batch_size": 2, "device": "cpu",
                    "model": {"stem_stride": 2, "width": 0.125}},
    "predict": {"device": "cpu"},
    "evaluate": {"bootstrap_samples": 20},
    "occlusion_map": {"ablations": ["event-dose"], "cube_mm": 80.0, "stride_mm": 80.0,
                      "device": "cpu"},
}  # fmt: skip


def grid(size: int) -> list[np.ndarray]:
    """Coordinates from -1 to 1 along (Z, Y, X)."""
    return np.meshgrid(*[np.linspace(-1, 1, size)] * 3, indexing="ij")


def head(seed: int, visit: int) -> np.ndarray:
    """(Z, Y, X) int16: a patient's own clouds in an ellipsoid, exactly 0 outside."""
    z, y, x = grid(SIZE)
    inside = (x / 0.6) ** 2 + (y / 0.75) ** 2 + (z / 0.65) ** 2 < 1
    clouds = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=inside.shape), 1.5)
    noise = np.random.default_rng((seed, visit)).normal(size=inside.shape)
    return ((900 + 2000 * clouds + 200 * x + 5 * noise) * inside).astype(np.int16)


def beam(number: int) -> np.ndarray:
    """(Z, Y, X) uint32: half Gy in a smooth hill, 15 planes of 10 mm."""
    z, y, x = grid(15)
    return (100 * np.exp(-6 * ((x - 0.01 * number) ** 2 + y**2 + z**2))).astype(np.uint32)


def write_mr(folder: Path, stored: np.ndarray, date: str, uid: str) -> None:
    planes = []
    for k in range(SIZE):
        data = base(MR, f"{uid}.{k}", "MR")
        data.SeriesInstanceUID, data.StudyInstanceUID = uid, f"{uid}.1"
        data.StudyDate = data.AcquisitionDate = data.SeriesDate = date
        data.ImagePositionPatient = [-95.0, -95.0, k * SPACING_MM - 95.0]
        data.ImageOrientationPatient = list(HEAD_FIRST)
        data.PixelSpacing, data.SliceThickness = [SPACING_MM, SPACING_MM], SPACING_MM
        data.EchoTime, data.RepetitionTime, data.ContrastBolusAgent = 3.0, 8.0, "CANARY agent"
        data.InstanceNumber, data.ImageType = k + 1, ["ORIGINAL", "PRIMARY", "M"]
        put_pixels(data, stored[k])
        planes.append(data)
    write(folder, *planes)


def write_raw(folder: Path, number: int) -> None:
    uid = f"{UID}.{number}"
    write_mr(folder / "postop", head(number, 0), "20210314", f"{uid}.1")
    write_mr(folder / "event", head(number, 1), "20210914", f"{uid}.2")
    offsets = [10.0 * k for k in range(15)]
    made = dose(stored=beam(number), offsets=offsets, position=(-70.0, -70.0, -70.0))
    made.PixelSpacing = [10.0, 10.0]
    write(folder / "rt", made, plan(prescription_gy=50.0))


def write_outline(folder: Path, uid: str) -> None:
    """RTSTRUCT of a box on five slices, named after a canary."""
    square = np.array([[-25.0, -35], [25, -35], [25, 15], [-25, 15]])
    heights = [k * SPACING_MM - 95 for k in range(8, 13)]
    data = structure_set({"CANARY": [np.c_[square, np.full(4, z)] for z in heights]})
    for k, item in enumerate(data.ROIContourSequence[0].ContourSequence, start=8):
        item.ContourImageSequence[0].ReferencedSOPInstanceUID = f"{uid}.{k}"
    write(folder, data)


class Finished:
    """A finished study.

    Attributes
    ----------
    folder : Path
        Holds raw data, tables, settings and results.
    config : Path
        Its settings.
    root : Path
        The study's folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.config = folder, folder / "small.yaml"
        self.root = folder / "results" / "small"

    def write_tables(self) -> None:
        """Raw data and all that people write."""
        lines = ["subject\tlabel\tpostop\tevent\tdose\tdose_frame\tgtv"]
        for number, (name, label) in enumerate(LABELS.items(), 1):
            write_raw(self.folder / "raw" / f"CANARY{number}", number)
            raw = f"raw/CANARY{number}"
            lines.append(f"{name}\t{label}\t{raw}/postop\t{raw}/event\t{raw}/rt\tevent\t")
        write_outline(self.folder / "raw" / "CANARY2" / "rtss", f"{UID}.2.1")
        lines[2] += "raw/CANARY2/rtss"
        (self.folder / "subjects.tsv").write_text("\n".join(lines) + "\n")
        rows = ["subject\tsplit\tfold", *(f"{s}\t{row}" for s, row in COHORT.items())]
        (self.folder / "c1.tsv").write_text("\n".join(rows) + "\n")
        # too coarse to tell left from right
        gate = "postop_to-event/left-right\taccept\tTest\tcoarse spheres"
        self.decide(*(f"{subject}\t{gate}" for subject in LABELS))
        self.configure()

    def decide(self, *rows: str) -> None:
        """Write the overrides table."""
        lines = ["subject\tcheck\tdecision\twho\twhy", *rows]
        (self.folder / "overrides.tsv").write_text("\n".join(lines) + "\n")

    def configure(self, **changes: dict) -> None:
        """Write the settings."""
        tables = {name: str(self.folder / f"{name}.tsv") for name in ("subjects", "overrides")}
        plan = write_plan(self.folder / "plan.yaml", ["postop-event-dose", "dose"])
        own = {"study": "small", "results": str(self.folder / "results"), **tables,
               "cohort": str(self.folder / "c1.tsv"), "channels": CHANNELS,
               "analysis_plan": plan}  # fmt: skip
        changed = {k: v | changes.get(k, {}) for k, v in SETTINGS.items()}
        self.config.write_text(yaml.safe_dump(own | changes | changed))

    def commands(self, *targets: str) -> list[list[str]]:
        """Commands of the jobs that Snakemake would run, in their order."""
        result = subprocess.run(
            [sys.executable, "-m", "snakemake", "--dry-run", "--printshellcmds", "--nolock",
             "--cores", "1", *targets, "--configfile", str(self.config)],
            cwd=ROOT, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert result.returncode == 0, result.stdout + result.stderr
        lines = (result.stdout + result.stderr).splitlines()
        start = "python -m ricenet "
        return [shlex.split(line.partition(start)[2]) for line in lines if start in line]

    def finish(self) -> None:
        """Run everything that Snakemake would run, one after the other."""
        before = Path.cwd()
        os.chdir(ROOT)
        try:
            for step, *arguments in self.commands():
                importlib.import_module(STEPS[step].module).main(arguments)
        finally:
            os.chdir(before)

    def copied(self, folder: Path) -> Finished:
        """A copy in another folder, with settings of its own."""
        shutil.copytree(self.folder, folder)
        copy = Finished(folder)
        copy.configure()
        return copy
