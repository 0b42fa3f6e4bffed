"""The box around the brain, the same for all channels of a subject."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ricenet import step
from ricenet.image.boxes import box_around
from ricenet.image.volume import Volume, require_same_space


def box_start(mask: NDArray, shape: Sequence[int]) -> tuple[int, int, int]:
    """Return the first voxel of a box whose centre is that of the brain's bounding box.

    Parameters
    ----------
    mask : (X, Y, Z) bool array
        Brain.
    shape : 3 ints
        Size of the box in voxels.

    Returns
    -------
    3 ints
        Index in the mask's grid; negative, or reaching beyond it, where the box is larger.

    Raises
    ------
    ValueError
        The mask is empty.
    """
    box = box_around(mask)
    x, y, z = ((s.start + s.stop - n) // 2 for s, n in zip(box, shape, strict=True))
    return x, y, z


def crop(volume: Volume, start: Sequence[int], shape: Sequence[int]) -> Volume:
    """Cut a box out of a volume; 0 where it reaches beyond. Whole voxels, nothing is interpolated.

    Parameters
    ----------
    start, shape : 3 ints
        First voxel and size of the box, in the volume's voxels.
    """
    data = np.zeros(tuple(shape), volume.data.dtype)
    source, target = [], []
    for first, size, limit in zip(start, shape, volume.data.shape, strict=True):
        low, high = max(first, 0), min(first + size, limit)
        source.append(slice(low, max(low, high)))
        target.append(slice(low - first, max(low, high) - first))
    data[tuple(target)] = volume.data[tuple(source)]
    affine = volume.affine.copy()
    affine[:3, 3] += volume.affine[:3, :3] @ np.asarray(start, np.float64)
    return Volume(data, affine)


def main(argv: Sequence[str] | None = None) -> None:
    """Read channels and mask, cut the same box out of all, check that no brain is lost, write."""
    job = step.Job("crop", argv, inputs=("images*", "mask"), outputs=("cropped*", "cropped-mask"))
    with job:
        shape = job.settings["shape"]
        mask = job.load(job.args.mask)
        start = box_start(mask.data > 0, shape)
        job.fact("start_voxel", list(start))
        cropped = crop(mask, start, shape)
        lost = int((mask.data > 0).sum()) - int((cropped.data > 0).sum())
        job.fact("brain_ml_lost", round(lost * mask.voxel_ml, 3))
        job.check(
            "brain-voxels-lost",
            lost,
            at_most=0,
            unit="voxels",
            advice=f"the brain does not fit a box of {shape} voxels: look whether the mask reaches "
            f"beyond the brain, otherwise enlarge crop.shape",
        )
        job.save(job.args.cropped_mask, cropped)
        for source, target in zip(job.args.images, job.args.cropped, strict=True):
            image = job.load(source)
            require_same_space(image, mask, f"{source.name} and brain mask")
            job.save(target, crop(image, start, shape))
