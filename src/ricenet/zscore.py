"""Mean 0 and standard deviation 1 in the brain, exactly 0 outside it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ricenet import step
from ricenet.volume import Volume, require_same_space


def zscore(data: NDArray, mask: NDArray) -> NDArray:
    """Standardise intensities by the statistics inside a mask.

    Parameters
    ----------
    data : (X, Y, Z) array
        MRI intensities, arbitrary units.
    mask : (X, Y, Z) bool array
        Brain.

    Returns
    -------
    (X, Y, Z) float32 array
        Dimensionless; 0 outside the mask.

    Raises
    ------
    ValueError
        The mask is empty, or the intensities inside it are constant.
    """
    inside = data[mask].astype(np.float64)
    if inside.size == 0:
        raise ValueError("the brain mask is empty")
    deviation = inside.std()
    if not deviation > 0:
        raise ValueError(f"all voxels of the brain have the same value, {inside[0]:g}")
    scaled = np.zeros(data.shape, np.float32)
    scaled[mask] = (inside - inside.mean()) / deviation
    return scaled


def main(argv: Sequence[str] | None = None) -> None:
    """Read image and mask, standardise, write."""
    with step.Job("zscore", argv, inputs=("image", "mask")) as job:
        image, mask = job.load(job.args.image), job.load(job.args.mask)
        require_same_space(image, mask, "image and brain mask")
        brain = mask.data > 0
        scaled = zscore(image.data, brain)
        job.check("absolute mean in the brain", abs(scaled[brain].mean()), at_most=1e-3)
        job.check("deviation from 1 in the brain", abs(scaled[brain].std() - 1), at_most=1e-3)
        job.save(job.args.out, Volume(scaled, image.affine))


if __name__ == "__main__":
    step.run(main)
