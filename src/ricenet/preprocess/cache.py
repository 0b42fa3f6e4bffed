"""The array that training reads: all channels of a subject in one float16 file.

``(C, X, Y, Z)``, channels in the order of the configuration, read by memory map. This file is the
only bridge between preprocessing and training.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np

from ricenet import step
from ricenet.channels import KINDS
from ricenet.dose.plausibility import near_maximum
from ricenet.image.intensity import scale_dose
from ricenet.image.volume import require_same_space


def main(argv: Sequence[str] | None = None) -> None:
    """Read the cropped channels, stack them, write."""
    inputs, values = ("images*", "mask", "quality"), ("channels", "kinds", "preprocessing?")
    job = step.Job("cache", argv, inputs=inputs, values=values)
    with job:
        channels, kinds = json.loads(job.args.channels), json.loads(job.args.kinds)
        mask = job.load(job.args.mask)
        near_maxima: dict[str, float] = {}
        stack = np.zeros((len(channels), *mask.data.shape), np.float16)
        for place, (path, kind) in enumerate(zip(job.args.images, kinds, strict=True)):
            image = job.load(path)
            require_same_space(image, mask, f"{path.name} and brain mask")
            data = image.data
            if KINDS[kind].in_gy:
                if data.any():
                    near_maxima[channels[place]] = round(near_maximum(data), 4)
                scaling = job.settings["dose_scaling"]
                scale_gy = job.settings["dose_scale_gy"]
                data = scale_dose(data, mask.data > 0, scaling=scaling, scale_gy=scale_gy)
            stack[place] = data
            rounding = float(np.abs(stack[place].astype(np.float32) - data).max())
            job.check(f"rounding of {channels[place]}", rounding, at_most=0.02)
        job.fact("dose_near_maximum_gy", near_maxima)
        job.fact("channels", channels)
        job.fact("kinds", kinds)
        job.fact("spacing_mm", round(mask.spacing_mm[0], 6))
        job.fact("shape", list(mask.data.shape))
        job.fact("preprocessing", json.loads(job.args.preprocessing or "{}"))
        job.fact("affine", mask.affine.round(6).tolist())
        with job.stage(job.args.out).open("wb") as file:
            np.save(file, stack, allow_pickle=False)
