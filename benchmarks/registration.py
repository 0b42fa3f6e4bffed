"""Settings of ANTs' rigid registration, compared on the same random starts in one run.

A start displaces the moving head (up to 80 mm, and 45 degrees about each axis), thickens its slices
to 5 mm along each of its axes in turn, cuts its field of view in every other, bends its contrast
(gamma 0.6 to 1.6) and adds noise. The error is the distance of points in
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
from scipy.ndimage import uniform_filter1d
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
    for name, other in (("HFS", "HFP"), ("HFDL", "HFDR")):
        fixed, moving = person(data, name), person(data, other)
        points = points_in(Volume(head_outline(fixed), fixed.affine), 20000)
        near = np.linalg.norm(points - points.mean(axis=0), axis=1) < 70  # the brain lies there
        yield Pair(f"person {other}", fixed, moving, points[near][:500], None)
    points = points_in(load(data / GLIOMA / GLIOMA_MASK))
    yield Pair("glioma T1", glioma(data, "t1c"), glioma(data, "t1"), points, None)


def thickened(image: Volume, axis: int, mm: float = 5.0) -> Volume:
    """Slices averaged along an axis until they are about ``mm`` thick."""
    count = max(1, round(mm / image.spacing_mm[axis]))
    data = uniform_filter1d(image.data, count, axis=axis)
    kept = data.take(range(count // 2, data.shape[axis], count), axis)
    grid = np.eye(4)
    grid[axis, axis] = count
    grid[axis, 3] = count // 2 - (0 if count % 2 else 0.5)  # of an even number: between two
    return Volume(kept, image.affine @ grid)


def cut(image: Volume, *, above: bool) -> Volume:
    """An eighth of the field of view is taken away, above or below."""
    axis = int(np.abs(image.affine[2, :3]).argmax())
    count = image.data.shape[axis]
    first = 0 if above else count // 8
    grid = np.eye(4)
    grid[axis, 3] = first
    data = image.data.take(range(first, first + count - count // 8), axis)
    return Volume(data, image.affine @ grid)


def start(image: Volume, number: int) -> tuple[Volume, np.ndarray]:
    """Displaced and distorted copy of an image, and the displacement."""
    rng = np.random.default_rng(number)
    turn = Rotation.from_euler("xyz", rng.uniform(-45, 45, 3), degrees=True).as_matrix()
    direction = rng.normal(size=3)
    shift = rng.uniform(0, 80) * direction / np.linalg.norm(direction)
    away = np.eye(4)
    away[:3, :3] = turn
    away[:3, 3] = image.centre_mm - turn @ image.centre_mm + shift
    data = image.data - image.data.min()
    data = data.max() * (data / data.max()) ** rng.uniform(0.6, 1.6)
    made = thickened(Volume(data, image.affine), number % 3)
    if number % 2:
        made = cut(made, above=number % 4 == 1)
    noise = rng.normal(0, 0.02 * np.percentile(data, 99), made.data.shape)
    return Volume((made.data + noise).astype(np.float32), away @ made.affine), away


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
