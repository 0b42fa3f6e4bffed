"""Mean 0 and standard deviation 1 in the brain, exactly 0 outside it."""

from __future__ import annotations

from collections.abc import Sequence

from ricenet import step
from ricenet.image.intensity import zscore
from ricenet.image.volume import Volume, require_same_space


def main(argv: Sequence[str] | None = None) -> None:
    """Read image and mask, standardise, write."""
    with step.Job("zscore", argv, inputs=("image", "mask")) as job:
        image, mask = job.load(job.args.image), job.load(job.args.mask)
        require_same_space(image, mask, "image and brain mask")
        brain = mask.data > 0
        scaled = zscore(image.data, brain)
        job.check("mean-in-brain", abs(scaled[brain].mean()), at_most=1e-3)
        job.check("deviation-in-brain", abs(scaled[brain].std() - 1), at_most=1e-3)
        job.save(job.args.out, Volume(scaled, image.affine))
