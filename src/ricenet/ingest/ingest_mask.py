"""From an outline that somebody drew to a mask on the voxels of the image it was drawn on.

The mask is ``(X, Y, Z)`` float32: the share of each voxel inside the outline, 0 to 1.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np

from ricenet import step
from ricenet.image.volume import Volume
from ricenet.outlines import checks, drawn_on
from ricenet.outlines.read import read


def main(argv: Sequence[str] | None = None) -> None:
    """Read the outline and its image's headers, fill it, check that it belongs there, write."""
    with step.Job(
        "ingest_mask", argv,
        inputs=("image", "image-record"), raw=("raw", "image-raw"), values=("row",),
    ) as job:  # fmt: skip
        args, row = job.args, json.loads(job.args.row)
        image, of_image = job.load(args.image), job.read_record(args.image_record)["facts"]
        source = drawn_on.read_source(args.image_raw, of_image, image)
        outline = read(args.raw, image, source, row)
        ml = float(outline.share.sum(dtype=np.float64)) * image.voxel_ml
        limits = row.get("volume_ml") or [
            job.settings[f"{end}_volume_ml"] for end in ("min", "max")
        ]
        job.facts |= outline.facts | {"volume_ml": round(ml, 4)}
        for about in (*outline.checks, checks.volume(ml, *limits)):
            job.check(**about)
        for name in outline.facts["unknown"]:
            job.not_checked(name, "the headers do not state enough")
        if outline.facts["ignored_files"]:
            job.say(f"{outline.facts['ignored_files']} files beside the outline ignored")
        job.save(args.out, Volume(outline.share, image.affine))
