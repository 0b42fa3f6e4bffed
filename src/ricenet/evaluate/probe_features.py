"""The step ``probe_features``: simple features of a subject for models without the images.

``probes`` asks how well such features alone tell the classes apart. Doses and outlines are those on
the reference grid, before the crop.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence

import pandas as pd
from numpy.typing import NDArray

from ricenet import step
from ricenet.evaluate import image_features, record_features
from ricenet.evaluate.record_features import Feature
from ricenet.image.volume import require_same_space
from ricenet.provenance import tsv

COLUMNS = list(Feature._fields)


def from_images(job: step.Job, outlines: Sequence[str], dose: Sequence[str]) -> list[Feature]:
    """Return the features of brain mask, doses and outlines, and of the reference MRI in these."""
    mask = job.load(job.args.mask)
    brain, spacing = mask.data > 0, mask.spacing_mm
    found = image_features.of_brain(brain, spacing)
    doses: dict[str, NDArray] = {}
    shares: dict[str, NDArray] = {}
    for names, paths, into in (
        (dose, job.args.doses, doses), (outlines, job.args.outlines, shares),
    ):  # fmt: skip
        for name, path in zip(names, paths, strict=True):
            volume = job.load(path)
            require_same_space(mask, volume, f"brain mask and {name}")
            into[name] = volume.data
    for name, dose_gy in doses.items():
        found += image_features.of_dose(name, dose_gy, brain, mask.voxel_ml)
    mri = {}
    if shares:  # nothing is measured of an MRI but in outlines
        volume = job.load(job.args.image)
        require_same_space(mask, volume, "brain mask and reference image")
        mri["mri"] = volume.data
    for name, share in shares.items():
        found += image_features.of_outline(name, share, brain, spacing)
        found += image_features.of_region(name, share, {**doses, **mri}, spacing)
        for other, dose_gy in doses.items():
            found += image_features.of_dose_in_outline(name, share, other, dose_gy, spacing)
    return found


def main(argv: Sequence[str] | None = None) -> None:
    """Read records and volumes of a subject, write its features."""
    inputs = ("records*", "quality", "mask", "image", "doses*", "outlines*")
    values = ("subject", "mri", "dose", "outline-names")
    with step.Job("probe_features", argv, inputs=inputs, values=values) as job:
        args = job.args
        mri, dose, outlines = (json.loads(t) for t in (args.mri, args.dose, args.outline_names))
        records = {path.stem: job.read_record(path) for path in args.records}
        checks = [{str(k): str(v) for k, v in r.items()}
                  for r in tsv.read(args.quality).to_dict("records")]  # fmt: skip
        found = [
            *record_features.of_scheme(records, dose),
            *from_images(job, outlines, dose),
            *record_features.of_time(records, mri),
            *record_features.of_scanner(records, mri),
            *record_features.of_quality(checks),
            *record_features.of_identity(args.subject),
        ]
        job.fact("missing", sum(math.isnan(f.value) for f in found))
        tsv.write(job.stage(args.out), pd.DataFrame(found, columns=COLUMNS))
