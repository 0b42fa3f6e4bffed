"""Isotropic version of an image, on which transforms and brain masks are estimated."""

from __future__ import annotations

from collections.abc import Sequence

from ricenet import step
from ricenet.image.interpolation import isotropic_grid, sample


def main(argv: Sequence[str] | None = None) -> None:
    """Read an image, resample it to an isotropic grid over its own field of view, write."""
    with step.Job("resample", argv, inputs=("image",)) as job:
        native = job.load(job.args.image)
        shape, affine = isotropic_grid(
            native.data.shape, native.affine, spacing_mm=job.settings["spacing_mm"]
        )
        interpolator = job.settings["interpolator"]
        job.save(job.args.out, sample(native, shape, affine, interpolator=interpolator))
