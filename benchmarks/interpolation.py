"""One interpolation beside a chain of three, against a windowed sinc, on real and synthetic heads.

The chain resamples to isotropic voxels, moves the result and brings it onto the box of the cache,
linearly each time, as is common; this workflow composes all of it and samples the native voxels
once with cubic splines. The reference samples them once with a Hamming-windowed sinc. Errors are
over a ball of 50 mm in the head, where no field of view ends, in standard deviations of the
reference; gradient energy is that of the reference that is kept.

A second table times the isotropic version of each head, by ITK and axis by axis.

    python -m ricenet.phantom --out /tmp/phantoms --subjects 1 --seed 3
    python benchmarks/interpolation.py --phantoms /tmp/phantoms --data ../shared/data
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import SimpleITK as sitk
import yaml
from scipy.spatial.transform import Rotation

from ricenet import ingest_mri
from ricenet.interpolation import isotropic_grid, sample, sample_with_itk
from ricenet.volume import Volume, load

CONFIG = yaml.safe_load((Path(__file__).parents[1] / "config/config.yaml").read_text())
OURS = CONFIG["align"]["mri_interpolator"]
SHAPE = tuple(CONFIG["crop"]["shape"])


def heads(args: argparse.Namespace) -> Iterator[tuple[str, Volume]]:
    if args.phantoms:
        subject = sorted(p for p in args.phantoms.iterdir() if p.is_dir())[0]
        yield "phantom", ingest_mri.read(subject / "dicom" / "event", min_slices=3)[0]
    if args.data:
        position = args.data / "mr_same_subject_two_positions" / "HFS"
        yield "person", ingest_mri.read(position, min_slices=3)[0]
        yield "glioma", load(args.data / "glioma_tcga_fg6692" / "tcia_example_t1c.nii.gz")


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


def clocked(work: Callable[[], np.ndarray]) -> tuple[np.ndarray, float]:
    """Answer and seconds of the processors."""
    began = time.process_time()
    return work(), time.process_time() - began


def isotropic_by_both(name: str, head: Volume, rounds: int) -> None:
    """Print a row: the isotropic version by ITK and axis by axis, in turns."""
    grid = isotropic_grid(head.data.shape, head.affine, spacing_mm=1.0)
    seconds = []
    for _ in range(rounds):
        theirs, slow = clocked(lambda: sample_with_itk(head, *grid, "bspline", None))
        ours, fast = clocked(lambda: sample(head, *grid, interpolator="bspline").data)
        seconds.append((slow, fast))
    limits = min(0, head.data.min()), max(0, head.data.max())
    apart = np.abs(ours - theirs.clip(*limits)).max() / np.ptp(head.data)
    slow, fast = (statistics.median(times) for times in zip(*seconds, strict=True))
    ratio = statistics.median(slow / fast for slow, fast in seconds)
    print(f"| {name} | {slow:.2f} | {fast:.2f} | {ratio:.1f} | {apart:.1e} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--phantoms", type=Path, help="folder of ricenet.phantom")
    parser.add_argument("--data", type=Path, help="real heads")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5, help="of the second table")
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
    for name, head in heads(args):
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
    print(
        "\n| head | isotropic by ITK, CPU s | ours, CPU s | ratio | largest difference, of range |"
    )
    print("|---|---|---|---|---|")
    for name, head in heads(args):
        isotropic_by_both(name, head, args.rounds)


if __name__ == "__main__":
    main()
