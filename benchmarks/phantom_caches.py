"""Caches of synthetic patients straight from the generator, for studies of learning.

    python benchmarks/phantom_caches.py --out /tmp/caches --subjects 64 --seed 7 --scale 1.5

The same images as through DICOM, HD-BET and ANTs, at a tenth of the processor time: the truth's
rigid transforms and brain mask take the place of those that are estimated, all else is the
workflow's own code (grid, interpolation, z-score, box, scale of the dose). A study of the workflow
itself goes through DICOM. Finished patients are kept; ``truth.json`` has what is known of each.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from tqdm import tqdm

from ricenet.channels import KINDS
from ricenet.image.intensity import scale_dose, zscore
from ricenet.image.interpolation import isotropic_grid, sample
from ricenet.image.volume import Volume
from ricenet.phantom.acquisition import RAS_TO_LPS, Scan, protocols_of, view
from ricenet.phantom.files import subject_name
from ricenet.phantom.scan_visits import scan_image
from ricenet.phantom.shape_signal import INTENSITY, SIGNALS
from ricenet.phantom.subject import Drawn, centroid_mm, draw_subject, plan_dose
from ricenet.preprocess.crop import box_start, crop

CHANNELS = {"postop": "mri", "event": "mri", "dose": "dose"}
CANVAS_MM = 2.0
MRI_INTERPOLATOR = "bspline"  # config/config.yaml
DOSE_SCALING, DOSE_SCALE_GY = "constant", 60.0


class Grid(NamedTuple):
    """What a cache is made on: isotropic spacing, mm, and shape (X, Y, Z) of the box."""

    spacing_mm: float
    shape: tuple[int, int, int]


SMALL = Grid(3.0, (60, 72, 60))  # of config/phantoms


class Cache(NamedTuple):
    """One patient as training sees them.

    Attributes
    ----------
    volumes : (C, X, Y, Z) float16 array
        In the order of ``CHANNELS``, RAS+.
    affine : (4, 4) array
        Of the box, RAS mm of the event visit.
    truth : dict
        Label, latents; the cavity's and lesion's centre in voxels of the box; ``brain_voxels``.
    """

    volumes: NDArray
    affine: NDArray
    truth: dict[str, Any]


def as_volume(scan: Scan) -> Volume:
    """Return a scan with its affine to RAS mm."""
    return Volume(scan.data, RAS_TO_LPS @ scan.affine)


def rigid_transform(drawn: Drawn, image: str) -> sitk.Transform:
    """Return the transform from points of the event visit to those of an image, LPS mm."""
    matrix = drawn.poses[image] @ np.linalg.inv(drawn.poses["event"])
    transform = sitk.AffineTransform(3)
    transform.SetMatrix(matrix[:3, :3].ravel().tolist())
    transform.SetTranslation(matrix[:3, 3].tolist())
    return transform


def true_brain(drawn: Drawn, shape: Sequence[int], affine: NDArray) -> NDArray:
    """Return the brain of the event visit on a grid (RAS), (X, Y, Z) bool array."""
    x, y, z = shape
    share = view(
        drawn.visits.event_brain,
        canvas=drawn.anatomy.canvas, pose=drawn.poses["event"],
        shape=(x, y, z), affine=RAS_TO_LPS @ affine, subslices=1,
    )  # fmt: skip
    return share > 0.5


def scans(drawn: Drawn) -> dict[str, Volume]:
    """Scan both visits and plan the dose, as the DICOM of a patient has them."""
    protocols = dict(zip(("postop", "event"), protocols_of(drawn.index), strict=True))
    images = {
        name: scan_image(
            drawn.streams[name], getattr(drawn.visits, name),
            canvas=drawn.anatomy.canvas, pose=drawn.poses[name], protocol=protocol,
        )
        for name, protocol in protocols.items()
    }  # fmt: skip
    found = images | {"dose": plan_dose(drawn).dose}
    return {name: as_volume(scan) for name, scan in found.items()}


def truth_of(drawn: Drawn, affine: NDArray, brain: NDArray) -> dict[str, Any]:
    """Collect what is known of a patient; places in voxels of the box."""
    to_box = np.linalg.inv(affine) @ RAS_TO_LPS @ drawn.poses["event"] @ RAS_TO_LPS
    centres = {
        f"{name}_voxel": (
            to_box[:3, :3] @ centroid_mm(getattr(drawn.visits, name), drawn.anatomy.canvas)
            + to_box[:3, 3]
        )
        .round(3)
        .tolist()
        for name in ("cavity", "lesion")
    }
    return {
        "label": drawn.label,
        "latents": {name: round(z, 6) for name, z in drawn.latents._asdict().items()},
        "brain_voxels": int(brain.sum()),
        **centres,
    }


def make_cache(drawn: Drawn, grid: Grid) -> Cache:
    """Scan a subject and bring the scans to where training reads them."""
    found = scans(drawn)
    event = found["event"]
    shape, affine = isotropic_grid(event.data.shape, event.affine, spacing_mm=grid.spacing_mm)
    brain = true_brain(drawn, shape, affine)
    ways = {"postop": rigid_transform(drawn, "postop"), "dose": rigid_transform(drawn, "ct")}
    start = box_start(brain, grid.shape)
    box = crop(Volume(brain, affine), start, grid.shape)
    volumes = np.zeros((len(CHANNELS), *grid.shape), np.float16)
    for place, (name, kind) in enumerate(CHANNELS.items()):
        interpolator = KINDS[kind].interpolator or MRI_INTERPOLATOR
        moved = sample(
            found[name], shape, affine, interpolator=interpolator, transform=ways.get(name)
        )
        if KINDS[kind].in_gy:
            data = scale_dose(moved.data, brain, scaling=DOSE_SCALING, scale_gy=DOSE_SCALE_GY)
        else:
            data = zscore(moved.data, brain)
        volumes[place] = crop(Volume(data, affine), start, grid.shape).data
    return Cache(volumes, box.affine, truth_of(drawn, box.affine, box.data))


def write_cache(folder: Path, name: str, cache: Cache) -> None:
    """Write a patient's cache, and last what is known of them."""
    partial = folder / f".{name}.{os.getpid()}.npy"
    np.save(partial, cache.volumes, allow_pickle=False)
    partial.replace(folder / f"{name}.npy")
    truth = json.dumps(cache.truth | {"affine": cache.affine.round(6).tolist()})
    partial.write_text(truth, encoding="utf-8")
    partial.replace(folder / f"{name}.json")


def make_cohort(
    out: Path,
    *,
    subjects: int,
    seed: int,
    scale: float,
    canvas_mm: float = CANVAS_MM,
    grid: Grid = SMALL,
    signal: str = INTENSITY,
) -> dict[str, dict[str, Any]]:
    """Make the caches of a cohort that are not there yet; return the truth of each by its name.

    Raises
    ------
    ValueError
        The folder holds caches of other settings.
    """
    settings: Mapping[str, Any] = {
        "seed": seed, "scale": scale, "canvas_mm": canvas_mm, "signal": signal,
        "spacing_mm": grid.spacing_mm, "shape": list(grid.shape),
    }  # fmt: skip
    out.mkdir(parents=True, exist_ok=True)
    kept = out / "settings.json"
    if kept.exists() and (other := json.loads(kept.read_text(encoding="utf-8"))) != settings:
        raise ValueError(
            f"{out} holds caches made with {other}, now asked: {settings}; delete the folder or "
            "name another"
        )
    kept.write_text(json.dumps(settings), encoding="utf-8")
    found = {}
    for index in tqdm(range(subjects), desc=out.name, unit="patient"):
        name = subject_name(index)
        if not (out / f"{name}.json").exists():
            drawn = draw_subject(index, seed=seed, canvas_mm=canvas_mm, scale=scale, signal=signal)
            write_cache(out, name, make_cache(drawn, grid))
        found[name] = json.loads((out / f"{name}.json").read_text(encoding="utf-8"))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--subjects", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--scale", type=float, default=1.5)
    parser.add_argument("--canvas-mm", type=float, default=CANVAS_MM)
    parser.add_argument("--signal", choices=SIGNALS, default=INTENSITY)
    args = parser.parse_args()
    began = time.process_time()
    found = make_cohort(
        args.out, subjects=args.subjects, seed=args.seed, scale=args.scale,
        canvas_mm=args.canvas_mm, signal=args.signal,
    )  # fmt: skip
    print(f"{len(found)} patients, {time.process_time() - began:.0f} s of the processor")


if __name__ == "__main__":
    main()
