"""Settings of ANTs' rigid registration, compared on the same random starts in one run.

A start displaces the moving head (up to 40 mm and 25 degrees), cuts its field of view in every
third, bends its contrast (gamma 0.7 to 1.5) and adds noise. The error is the distance of points in
the brain from where they should land: from the known motion of a phantom, or, for real heads, from
where the way back takes them (inverse consistency, of two registrations).

    ricenet phantom --out /tmp/phantoms --subjects 2 --seed 3
    python benchmarks/registration.py --phantoms /tmp/phantoms --data ../shared/data --starts 10
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import yaml
from heads import GLIOMA, GLIOMA_MASK, first_subject, glioma, person, series
from scipy.spatial.transform import Rotation

from ricenet.image import transforms
from ricenet.image.interpolation import isotropic_grid, sample
from ricenet.image.volume import Volume, load
from ricenet.preprocess.estimate import estimate, estimate_by_default
from ricenet.preprocess.registration_gates import head_outline

OURS = yaml.safe_load((Path(__file__).parents[1] / "config/config.yaml").read_text())["register"]
SETTINGS = ("ANTs' defaults", "ours")
FAILED_MM = 2.0


class Pair(NamedTuple):
    """Two heads; ``truth`` maps points of the fixed one to the moving one where it is known."""

    name: str
    fixed: Volume
    moving: Volume
    points: np.ndarray
    truth: np.ndarray | None
    both_mri: bool = True


def isotropic(volume: Volume, mm: float) -> Volume:
    shape, affine = isotropic_grid(volume.data.shape, volume.affine, spacing_mm=mm)
    return sample(volume, shape, affine, interpolator="bspline")


def moved(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    return points @ matrix[:3, :3].T + matrix[:3, 3]


def points_in(mask: Volume, count: int = 500) -> np.ndarray:
    voxels = np.argwhere(mask.data > 0)
    chosen = np.random.default_rng(0).permutation(len(voxels))[:count]
    return moved(mask.affine, voxels[chosen])


def phantom_pairs(folder: Path) -> Iterator[Pair]:
    truth = json.loads((folder / "truth" / "truth.json").read_text())
    heads = {name: series(folder / "dicom" / name) for name in ("postop", "event", "ct")}
    for moving, fixed in (("postop", "event"), ("ct", "postop")):
        points = points_in(load(folder / "truth" / f"{fixed}_brain-mask.nii.gz"))
        matrix = np.linalg.inv(truth[f"{moving}_to_{fixed}"])
        yield Pair(f"phantom {moving}", heads[fixed], heads[moving], points, matrix, moving != "ct")


def real_pairs(data: Path) -> Iterator[Pair]:
    supine, prone = person(data, "HFS"), person(data, "HFP")
    points = points_in(Volume(head_outline(supine), supine.affine), 20000)
    near = np.linalg.norm(points - points.mean(axis=0), axis=1) < 70  # the brain lies there
    yield Pair("person HFP", supine, prone, points[near][:500], None)
    points = points_in(load(data / GLIOMA / GLIOMA_MASK))
    yield Pair("glioma T1", glioma(data, "t1c"), glioma(data, "t1"), points, None)


def start(image: Volume, number: int) -> tuple[Volume, np.ndarray]:
    """Displaced, cut and distorted copy of an image, and the displacement."""
    rng = np.random.default_rng(number)
    axis = rng.normal(size=3)
    turn = Rotation.from_rotvec(rng.uniform(0, 25) * axis / np.linalg.norm(axis), degrees=True)
    middle = image.centre_mm
    away = np.eye(4)
    away[:3, :3] = turn.as_matrix()
    away[:3, 3] = middle - turn.as_matrix() @ middle + rng.uniform(-40, 40, 3) / np.sqrt(3)
    data = image.data - image.data.min()
    data = data.max() * (data / data.max()) ** rng.uniform(0.7, 1.5)
    data += rng.normal(0, 0.02 * np.percentile(data, 99), data.shape)
    if number % 3 == 2:  # a tenth of the head is outside the field of view, above or below
        axis = int(np.abs(image.affine[2, :3]).argmax())
        count = data.shape[axis]
        kept = slice(count // 10, None) if number % 2 else slice(0, count - count // 10)
        first = np.eye(4)
        first[axis, 3] = kept.start
        data = data.take(range(*kept.indices(count)), axis)
        return Volume(data.astype(np.float32), away @ image.affine @ first), away
    return Volume(data.astype(np.float32), away @ image.affine), away


def matrix_of(
    fixed: Volume, moving: Volume, setting: str, seed: int, *, both_mri: bool
) -> tuple[np.ndarray, float]:
    """Estimated matrix, points of the fixed to the moving image, and seconds of processors."""
    began = time.process_time()
    if setting == "ours":
        own = {"iterations": OURS["iterations"], "sampling_rate": OURS["sampling_rate"]}
        found = estimate(fixed, moving, transform="rigid", seed=seed, both_mri=both_mri, **own)
    else:
        found = estimate_by_default(fixed, moving, transform="rigid", seed=seed)
    return transforms.matrix_ras(found), time.process_time() - began


def one_start(pair: Pair, number: int, mm: float) -> Iterator[tuple[str, float, float]]:
    """Setting, mean error in mm, seconds: one registration (and its way back) for each setting."""
    away_image, away = start(pair.moving, number)
    fixed, moving = isotropic(pair.fixed, mm), isotropic(away_image, mm)
    seed, both_mri = number + 1, pair.both_mri
    # in turns, so that none always runs first
    turn = number % len(SETTINGS)
    for name in SETTINGS[turn:] + SETTINGS[:turn]:
        there, seconds = matrix_of(fixed, moving, name, seed, both_mri=both_mri)
        found = moved(there, pair.points)
        if pair.truth is not None:
            apart = found - moved(away @ pair.truth, pair.points)
        else:
            back, more = matrix_of(moving, fixed, name, seed, both_mri=both_mri)
            apart, seconds = moved(back, found) - pair.points, (seconds + more) / 2
        yield name, float(np.linalg.norm(apart, axis=1).mean()), seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--phantoms", type=Path, help="folder of ricenet.phantom")
    parser.add_argument("--data", type=Path, help="folder with real heads")
    parser.add_argument("--starts", type=int, default=50, help="random starts of each pair")
    parser.add_argument("--spacing-mm", type=float, default=1.0)
    args = parser.parse_args()
    pairs: list[Pair] = []
    if args.phantoms:
        pairs += phantom_pairs(first_subject(args.phantoms))
    if args.data:
        pairs += real_pairs(args.data)
    print(f"{args.spacing_mm:g} mm, {args.starts} starts a pair; errors in mm\n")
    print("| pair | setting | median | 90 % | worst | > 2 mm | CPU s | of the defaults' |")
    print("|---|---|---|---|---|---|---|---|")
    for pair in pairs:
        found: dict[str, list[tuple[float, float]]] = {name: [] for name in SETTINGS}
        for number in range(args.starts):
            for name, error, seconds in one_start(pair, number, args.spacing_mm):
                found[name].append((error, seconds))
        base = [seconds for _, seconds in next(iter(found.values()))]
        for name, results in found.items():
            errors, seconds = (np.array(v) for v in zip(*results, strict=True))
            ratio = statistics.median(b / s for b, s in zip(base, seconds, strict=True))
            print(
                f"| {pair.name} | {name} | {np.median(errors):.3f} | "
                f"{np.percentile(errors, 90):.3f} | {errors.max():.3f} | "
                f"{int((errors > FAILED_MM).sum())} | {np.median(seconds):.1f} | 1/{ratio:.1f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
