"""Registration of two whole heads with ANTs, and gates on the result.

The heads are registered with skull and scalp: stripped volumes have too few edges to hold on to.
The gates look at what the optimiser did not: the overlap of the two brain masks and the
correlation inside them, or for a planning CT the overlap of the head outlines.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import ants
import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from ricenet import step, transforms
from ricenet.interpolation import sample
from ricenet.volume import Volume, from_itk, to_itk

ANTS_NAMES = {"rigid": "Rigid", "affine": "Affine", "syn": "SyN"}


def estimate(
    fixed: Path,
    moving: Path,
    *,
    transform: str,
    iterations: Sequence[int],
    sampling_rate: float,
    seed: int,
) -> sitk.Transform:
    """Transform that brings a moving image onto a fixed one.

    ANTs starts from the centres of mass and maximises Mattes' mutual information over four
    resolutions (Avants et al., NeuroImage 54 (2011) 2033). Repeatable to rounding with several
    threads, to the bit with one.

    Parameters
    ----------
    fixed, moving : path
        NIfTI files.
    transform : {"rigid", "affine", "syn"}
        What is estimated.
    iterations : 4 ints
        Most iterations of the linear stage at each resolution, coarse to fine.
    sampling_rate : float
        Share of voxels that the metric looks at.
    seed : int
        Seed of the choice of those voxels.

    Raises
    ------
    ValueError
        ANTs found no transform.
    """
    # antspyx 0.6.3 ignores ``random_seed=`` and takes the seed from here; with ``on`` it would
    # refuse rigid registration
    ants.config.set_ants_deterministic(on=False, seed_value=seed)
    with tempfile.TemporaryDirectory() as folder:
        try:
            result = ants.registration(
                ants.image_read(str(fixed)),
                ants.image_read(str(moving)),
                type_of_transform=ANTS_NAMES[transform],
                outprefix=f"{folder}/",
                aff_iterations=tuple(iterations),
                aff_shrink_factors=(6, 4, 2, 1),
                aff_smoothing_sigmas=(3, 2, 1, 0),
                aff_random_sampling_rate=sampling_rate,
            )
        except (RuntimeError, IndexError) as error:
            raise ValueError(
                f"ANTs found no transform from {moving.name} to {fixed.name}"
            ) from error
        # ANTs applies its list from the last to the first, as a chain does
        return _flat([_read(path) for path in reversed(result["fwdtransforms"])])


def _read(path: str) -> sitk.Transform:
    if path.endswith(".nii.gz"):
        return sitk.DisplacementFieldTransform(sitk.ReadImage(path, sitk.sitkVectorFloat64))
    return transforms.read(path)


def _flat(parts: list[sitk.Transform]) -> sitk.Transform:
    if len(parts) == 1:
        return transforms.from_matrix_ras(transforms.matrix_ras(parts[0]))
    return sitk.CompositeTransform(parts)


def dice(a: NDArray, b: NDArray) -> float:
    """Overlap of two masks, 2 |a and b| / (|a| + |b|); 0 where both are empty."""
    total = int(a.sum()) + int(b.sum())
    return 2 * int((a & b).sum()) / total if total else 0.0


def correlation(a: NDArray, b: NDArray, inside: NDArray) -> float:
    """Pearson correlation of two images inside a mask; 0 where it is undefined."""
    x, y = a[inside].astype(np.float64), b[inside].astype(np.float64)
    if x.size < 2 or x.std() == 0 or y.std() == 0:
        return 0.0
    return float(np.corrcoef(x, y)[0, 1])


def head_outline(image: Volume) -> NDArray:
    """Find the filled outline of the head: the largest part above Otsu's threshold."""
    # the logarithm keeps fat and vessels from dominating the threshold; CT begins at -1000 HU
    shifted = Volume(np.log1p(image.data - image.data.min()), image.affine)
    mask = sitk.OtsuThreshold(to_itk(shifted), 0, 1)
    # filled first: a dark skull may part the brain from a thin shell of scalp
    mask = sitk.BinaryMorphologicalOpening(sitk.BinaryFillhole(mask), (2, 2, 2))
    mask = sitk.RelabelComponent(sitk.ConnectedComponent(mask)) == 1
    mask = sitk.BinaryFillhole(sitk.BinaryMorphologicalClosing(mask, (3, 3, 3)))
    return from_itk(mask).data > 0


def _onto(volume: Volume, fixed: Volume, transform: sitk.Transform, interpolator: str) -> NDArray:
    grid = (fixed.data.shape, fixed.affine)
    return sample(volume, *grid, interpolator=interpolator, transform=transform).data


def gate_brains(
    job: step.Job, fixed: Volume, moving: Volume, masks: Sequence[Volume], found: sitk.Transform
) -> None:
    """Write overlap and correlation of the two brains to the record."""
    brain = masks[1].data > 0
    moved_brain = _onto(masks[0], fixed, found, "nearest") > 0
    overlap = dice(brain, moved_brain)
    job.check("Dice of the brain masks", overlap, at_least=job.settings["min_mask_dice"])
    moved = _onto(moving, fixed, found, "linear")
    likeness = correlation(fixed.data, moved, brain & moved_brain)
    job.check("correlation in the brain", likeness, at_least=job.settings["min_correlation"])


def gate_heads(job: step.Job, fixed: Volume, moving: Volume, found: sitk.Transform) -> None:
    """Write the overlap of the two head outlines, in the common field of view, to the record."""
    seen = _onto(
        Volume(np.ones(moving.data.shape, np.uint8), moving.affine), fixed, found, "nearest"
    )
    outline = Volume(head_outline(moving).astype(np.uint8), moving.affine)
    moved = _onto(outline, fixed, found, "nearest") > 0
    overlap = dice(head_outline(fixed) & (seen > 0), moved)
    job.check("Dice of the head outlines", overlap, at_least=job.settings["min_head_dice"])


def main(argv: Sequence[str] | None = None) -> None:
    """Register a moving image to a fixed one, check, write the transform."""
    with step.Job("register", argv, inputs=("moving", "fixed", "masks*")) as job:
        s = job.settings
        moving, fixed = job.load(job.args.moving), job.load(job.args.fixed)
        masks = [job.load(path) for path in job.args.masks]
        job.say(f"{s['transform']} registration with {job.args.threads} threads")
        found = estimate(
            job.args.fixed,
            job.args.moving,
            transform=s["transform"],
            iterations=s["iterations"],
            sampling_rate=s["sampling_rate"],
            seed=s["seed"],
        )
        if masks:
            gate_brains(job, fixed, moving, masks, found)
        else:
            gate_heads(job, fixed, moving, found)
        if s["transform"] != "syn":
            matrix = transforms.matrix_ras(found)
            job.fact("fixed_to_moving_points_ras_mm", matrix.round(6).tolist())
        sitk.WriteTransform(found, str(job.stage(job.args.out)))


if __name__ == "__main__":
    step.run(main)
