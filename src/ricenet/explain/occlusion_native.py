"""An occlusion map in the voxels of the native reference image, to lay over the original scan.

The map lies on the cropped isotropic grid, whose affine is in the scanner coordinates of the native
reference image: between the two there is no transform, and one interpolation.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ricenet import step
from ricenet.image.interpolation import sample
from ricenet.image.volume import Volume


def to_native(change: Volume, native: Volume) -> Volume:
    """Sample a map linearly at the voxels of a native image; 0 outside its box."""
    return sample(change, native.data.shape, native.affine, interpolator="linear")


def main(argv: Sequence[str] | None = None) -> None:
    """Read the map and the native image, sample, write."""
    with step.Job("occlusion_native", argv, inputs=("map", "native")) as job:
        change, native = job.load(job.args.map), job.load(job.args.native)
        moved = to_native(change, native)
        for name, volume in (("map", change), ("native", moved)):
            total = float(np.abs(volume.data).sum(dtype=np.float64) * volume.voxel_ml)
            job.fact(f"{name}_importance_ml", total)
        job.save(job.args.out, moved)
