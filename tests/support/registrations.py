"""Two heads with a known motion between them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import yaml
from scipy.spatial.transform import Rotation

from ricenet.image.interpolation import isotropic_grid, sample
from ricenet.image.volume import Volume
from ricenet.preprocess import register
from step_run import run_step

ROOT = Path(__file__).parents[2]
SETTINGS: dict = {}
for name in ("config/config.yaml", "config/demo/config.yaml"):
    SETTINGS |= yaml.safe_load((ROOT / name).read_text())["register"]
ESTIMATE = {k: SETTINGS[k] for k in ("transform", "iterations", "sampling_rate", "seed")}
ESTIMATE["both_mri"] = True
GRID_MM = 2.0
# what the raw post-op image is moved by: 28 degrees and 65 mm about and along oblique axes
AXIS, SHIFT = np.array([1, 2, 2]) / 3, np.array([40, -40, 32])
MOTION = np.eye(4)
MOTION[:3, :3] = Rotation.from_rotvec(28 * AXIS, degrees=True).as_matrix()
MOTION[:3, 3] = 65 * SHIFT / np.linalg.norm(SHIFT)


def on_isotropic(volume: Volume, interpolator: str = "bspline", mm: float = GRID_MM) -> Volume:
    shape, affine = isotropic_grid(volume.data.shape, volume.affine, spacing_mm=mm)
    return sample(volume, shape, affine, interpolator=interpolator)


def mirrored(volume: Volume) -> Volume:
    """Left and right exchanged: the voxels in reverse order along that axis, the affine kept."""
    axis = int(np.abs(volume.affine[0, :3]).argmax())
    return Volume(np.ascontiguousarray(np.flip(volume.data, axis)), volume.affine)


def moved(matrix, points) -> np.ndarray:
    matrix = np.asarray(matrix)
    return points @ matrix[:3, :3].T + matrix[:3, 3]


def verdicts(record: dict) -> dict[str, str]:
    return {check["check"]: check["verdict"] for check in record["checks"]}


def values(record: dict) -> dict[str, float]:
    return {check["check"]: check["value"] for check in record["checks"]}


def run(heads: Path, out: Path, moving: str = "moved", fixed: str = "event", **changed) -> dict:
    """Run the step on two heads, with their masks if they have any."""
    masks = [heads / f"{name}_mask.nii.gz" for name in (moving, fixed)]
    return run_step(
        register.main,
        out.with_suffix(".json"),
        SETTINGS | changed,
        moving=heads / f"{moving}.nii.gz",
        fixed=heads / f"{fixed}.nii.gz",
        masks=[mask for mask in masks if mask.exists()],
        sequences=json.dumps(["T1ce" if masks[0].exists() else "", "T1ce"]),
        out=out,
    )
