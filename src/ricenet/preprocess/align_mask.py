"""A mask on the reference grid: it follows the image that it was drawn on, one interpolation.

Shares of voxels are interpolated linearly: the nearest voxel would change the volume of what is
small, and move its rim by up to half a voxel.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ricenet import step
from ricenet.channels import KINDS
from ricenet.image import transforms
from ricenet.image.interpolation import sample
from ricenet.image.volume import Volume, require_same_space
from ricenet.preprocess.routes import path_to_reference
from ricenet.step import Check

VOLUME_TOLERANCE = 0.02
INSIDE = 0.5  # share from which a voxel counts as inside where it must be one or the other


def centre_ras_mm(share: NDArray, affine: NDArray) -> NDArray:
    """Return the centre of mass of a mask; (3,) array, RAS mm."""
    return affine[:3, :3] @ np.array(ndimage.center_of_mass(share)) + affine[:3, 3]


def components(share: NDArray) -> int:
    """Count the parts of a mask that do not touch; at least one if it is not empty."""
    return max(int(ndimage.label(share >= INSIDE, np.ones((3, 3, 3)))[1]), int(share.any()))


def ml_of(mask: Volume) -> float:
    """Return the volume of a mask of shares."""
    return float(mask.data.sum(dtype=np.float64)) * mask.voxel_ml


def share_inside(mask: Volume, brain: Volume) -> float:
    """Return the share of a mask's volume that lies in the brain."""
    inside = float(mask.data[brain.data > 0].sum(dtype=np.float64)) * mask.voxel_ml
    return inside / ml_of(mask)


def described(moved: Volume, brain: Volume) -> dict[str, Any]:
    """Return size and place of a mask, as facts for the record."""
    centre = centre_ras_mm(moved.data, moved.affine)
    from_brain = centre - centre_ras_mm(brain.data > 0, brain.affine)
    return {
        "volume_ml": round(ml_of(moved), 4),
        "components": components(moved.data),
        "centre_ras_mm": centre.round(2).tolist(),
        "centre_from_brain_centre_mm": from_brain.round(2).tolist(),
        "share_inside_brain": round(share_inside(moved, brain), 6),
    }


def checks_of(native: Volume, moved: Volume, brain: Volume, *, least: float) -> list[Check]:
    """Check that a mask kept its volume, and that ``least`` of it lies in the brain."""
    kept = Check(
        "mask-volume-kept",
        ml_of(moved) / ml_of(native),
        at_least=1 - VOLUME_TOLERANCE,
        at_most=1 + VOLUME_TOLERANCE,
        advice="the outline reaches beyond the reference image, or is too small for its grid",
    )
    inside = Check(
        "mask-inside-brain",
        share_inside(moved, brain),
        at_least=least,
        advice="share of the outline inside the brain mask: look in the overview picture whether "
        "it lies where it was drawn, or set the channel's inside_brain",
    )
    return [kept, inside]


def main(argv: Sequence[str] | None = None) -> None:
    """Find the chain of transforms, sample the mask on the reference grid once, write."""
    with step.Job(
        "align_mask",
        argv,
        inputs=("image", "grid", "mask", "transforms*"),
        values=("drawn-on", "reference", "links", "inside-brain?"),
    ) as job:
        args = job.args
        grid, brain, native = job.load(args.grid), job.load(args.mask), job.load(args.image)
        require_same_space(grid, brain, "reference grid and brain mask")
        pairs = [(moving, fixed) for moving, fixed in json.loads(args.links)]
        places = path_to_reference(args.drawn_on, args.reference, pairs)
        files = [args.transforms[place] for place in places]
        job.fact("chain", [file.name for file in files])
        moved = sample(
            native,
            grid.data.shape,
            grid.affine,
            interpolator=KINDS["mask"].interpolator,
            transform=transforms.chain([transforms.read(file) for file in files]),
        )
        if not moved.data.any():
            raise ValueError(
                f"nothing of the outline on {args.drawn_on} lies in the reference's view; look at "
                f"image and outline"
            )
        least = float(args.inside_brain or job.settings["min_inside_brain"])
        job.facts |= described(moved, brain)
        step.write(job, checks_of(native, moved, brain, least=least))
        job.save(args.out, moved)
