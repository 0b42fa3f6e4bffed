"""One interpolation beside a chain of three, against a windowed sinc, on real and synthetic heads.

The chain resamples to isotropic voxels, moves the result and brings it onto the box of the cache,
linearly each time, as is common; this workflow composes all of it and samples the native voxels
once with cubic splines. The reference samples them once with a Hamming-windowed sinc. Errors are
over a ball of 50 mm in the head, where no field of view ends, in standard deviations of the
reference; gradient energy is that of the reference that is kept.

More tables time the isotropic version of each head, by ITK and axis by axis.

    ricenet phantom --out /tmp/phantoms --subjects 1 --seed 3
    python benchmarks/interpolation.py --phantoms /tmp/phantoms --data ../shared/data
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import SimpleITK as sitk
import yaml
from heads import first_subject, glioma, person, series
from scipy.spatial.transform import Rotation
from timing import race, table

from ricenet.image.interpolation import isotropic_grid, sample, sample_with_itk
from ricenet.image.volume import Volume

CONFIG = yaml.safe_load((Path(__file__).parents[1] / "config/config.yaml").read_text())
OURS = CONFIG["align"]["mri_interpolator"]
SHAPE = tuple(CONFIG["crop"]["shape"])


def heads(args: argparse.Namespace) -> Iterator[tuple[str, Volume]]:
    if args.phantoms:
        yield "phantom", series(first_subject(args.phantoms) / "dicom" / "event")
    if args.data:
        yield "person", person(args.data, "HFS")
        yield "glioma", glioma(args.data, "t1c")


def motion(volume: Volume, degrees: float, mm: float) -> sitk.Transform:
    """Rigid motion about the middle of a volume."""
    found = sitk.VersorRigid3DTransform()
    found.SetCenter((volume.centre_mm * [-1, -1, 1]).tolist())
    turn = Rotation.from_rotvec(degrees * np.array([0.6, 0.48, 0.64]), degrees=True).as_quat()
    found.SetRotation(turn.tolist())
    found.SetTranslation((mm * np.array([0.48, 0.6, 0.64])).tolist())
    return found


def box(volume: Volume) -> np.ndarray:
    """Affine of the cache's box, 1 mm voxels, whose centre is that of the volume."""
    affine = isotropic_grid(volume.data.shape, volume.affine, spacing_mm=1.0)[1]
    affine[:3, 3] = volume.centre_mm - affine[:3, :3] @ ((np.array(SHAPE) - 1) / 2) + 0.37
    return affine


def once(volume: Volume, moved: sitk.Transform, interpolator: str) -> Volume:
    return sample(volume, SHAPE, box(volume), interpolator=interpolator, transform=moved)


def three_times(volume: Volume, moved: sitk.Transform, interpolator: str) -> Volume:
    shape, affine = isotropic_grid(volume.data.shape, volume.affine, spacing_mm=1.0)
    fine = sample(volume, shape, affine, interpolator=interpolator)
    there = sample(fine, shape, affine, interpolator=interpolator, transform=moved)
    return sample(there, SHAPE, box(volume), interpolator=interpolator)


def slopes(data: np.ndarray, inside: np.ndarray) -> float:
    """Gradient energy over a mask."""
    return float(sum((g[inside] ** 2).sum() for g in np.gradient(data)))


def isotropic_by_both(head: Volume, rounds: int) -> str:
    """Table: the isotropic version by ITK and axis by axis, and how far they are apart."""
    grid = isotropic_grid(head.data.shape, head.affine, spacing_mm=1.0)
    theirs = partial(sample_with_itk, head, *grid, "bspline", None)
    ours = partial(sample, head, *grid, interpolator="bspline")
    limits = min(0, head.data.min()), max(0, head.data.max())
    apart = np.abs(ours().data - theirs().clip(*limits)).max() / np.ptp(head.data)
    found = race({"ITK": theirs, "axis by axis": ours}, repeats=rounds)
    return table(found, ours="axis by axis", notes={"ITK": f"{apart:.1e} of the range apart"})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--phantoms", type=Path, help="folder of ricenet.phantom")
    parser.add_argument("--data", type=Path, help="real heads")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5, help="of the other tables")
    args = parser.parse_args()
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(args.threads)
    ways: dict[str, Callable[[Volume, sitk.Transform], Volume]] = {
        "three, linear": partial(three_times, interpolator="linear"),
        "three, cubic splines": partial(three_times, interpolator="bspline"),
        "one, linear": partial(once, interpolator="linear"),
        f"one, {OURS} (ours)": partial(once, interpolator=OURS),
    }
    print("| head | interpolations | RMSE, SD | gradient energy kept | s | CPU s |")
    print("|---|---|---|---|---|---|")
    volumes = list(heads(args))
    for name, head in volumes:
        moved = motion(head, 6.0, 5.3)
        reference = once(head, moved, "windowed_sinc")
        inside = np.linalg.norm(np.indices(SHAPE).T - (np.array(SHAPE) - 1) / 2, axis=-1).T < 50
        spread = reference.data[inside].std()
        for way, work in ways.items():
            wall, cpu = time.monotonic(), time.process_time()
            found = work(head, moved)
            wall, cpu = time.monotonic() - wall, time.process_time() - cpu
            error = np.sqrt(((found.data - reference.data)[inside] ** 2).mean()) / spread
            kept = slopes(found.data, inside) / slopes(reference.data, inside)
            print(f"| {name} | {way} | {error:.3f} | {kept:.2f} | {wall:.1f} | {cpu:.1f} |")
    for name, head in volumes:
        print(f"\n{name}, isotropic\n\n{isotropic_by_both(head, args.rounds)}")


if __name__ == "__main__":
    main()
