"""A channel on the reference grid: its transforms composed, one interpolation.

An MRI follows its own transform, a dose an image that claims it (``routes``) and that image's
transforms. Several plans of a dose, ``(X, Y, Z, P)``, are sampled one by one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from ricenet import step
from ricenet.channels import CHOSEN, CLAIMS, KINDS
from ricenet.dose.coverage import cut_dose, share_inside, view_holds_grid
from ricenet.image import transforms
from ricenet.image.interpolation import sample
from ricenet.image.volume import Volume, require_same_space
from ricenet.preprocess import routes

MIN_COVERAGE = 0.5  # a dose grid that misses half of the brain is more likely misplaced than meant
MAX_CUT_DOSE = 0.1  # of the maximum: more at the grid's edge is dose that the export cut off
INTEGRAL_TOLERANCE = 0.02


def sample_parts(
    volume: Volume, grid: Volume, *, interpolator: str, transform: sitk.Transform
) -> Volume:
    """Sample a volume, or each part of one, on a grid."""
    single = volume.data.ndim == 3
    data = volume.data[..., None] if single else volume.data
    moved = [
        sample(
            Volume(data[..., place], volume.affine),
            grid.data.shape,
            grid.affine,
            interpolator=interpolator,
            transform=transform,
        ).data
        for place in range(data.shape[3])
    ]
    return Volume(moved[0] if single else np.stack(moved, axis=-1), grid.affine)


def fields_of_view(
    shapes: Sequence[tuple[Sequence[int], NDArray]], grid: Volume, transform: sitk.Transform
) -> list[NDArray]:
    """Return which voxels of a grid each of several images (shape, affine) covers; bool arrays."""
    return [
        sample(
            Volume(np.ones(tuple(shape), np.uint8), np.asarray(affine, dtype=np.float64)),
            grid.data.shape,
            grid.affine,
            interpolator="nearest",
            transform=transform,
        ).data
        > 0
        for shape, affine in shapes
    ]


def check_dose(
    job: step.Job, native: Volume, moved: Volume, views: Sequence[NDArray], brain: NDArray
) -> None:
    """Write the checks of a dose that only its own grid allows: coverage, edge, integral."""
    before = native.data if native.data.ndim == 4 else native.data[..., None]
    after = moved.data if moved.data.ndim == 4 else moved.data[..., None]
    cut, integrals, beyond = 0.0, [], []
    for place, inside in enumerate(views):
        maximum = float(before[..., place].max())
        cut = max(cut, cut_dose(after[..., place], inside, brain) / maximum)
        if view_holds_grid(inside):
            given, found = (x[..., place].sum(dtype=np.float64) for x in (before, after))
            integrals.append(float(found * moved.voxel_ml / (given * native.voxel_ml)))
        else:
            beyond.append(f"dose-integral-part-{place + 1}")
    covered = share_inside(np.logical_or.reduce(views), brain)
    job.check(
        "dose-coverage",
        covered,
        at_least=MIN_COVERAGE,
        advice="the dose grid misses much of the brain: look at the overview picture; check that "
        "dose and images belong together, or export the dose on a larger grid",
    )
    if covered:
        job.check(
            "dose-at-edge",
            cut,
            at_most=MAX_CUT_DOSE,
            advice="share of the maximum where the dose grid ends inside the brain: dose beyond it "
            "is lost and counts as 0; export the dose on a larger grid",
        )
    else:
        job.not_checked("dose-at-edge", "the dose grid does not reach the brain")
    if integrals:
        job.check(
            "dose-integral",
            max(integrals, key=lambda ratio: abs(ratio - 1)),
            at_least=1 - INTEGRAL_TOLERANCE,
            at_most=1 + INTEGRAL_TOLERANCE,
            advice="dose times volume changed when the dose was resampled; compare the dose with "
            "its grid in the overview picture",
        )
    for name in beyond if integrals else ["dose-integral"]:
        job.not_checked(name, "the dose grid reaches beyond the reference's field of view")


def dose_grids(facts: Mapping[str, Any], native: Volume) -> list[tuple[Sequence[int], NDArray]]:
    """Return the shape and affine of the grid that each part of a dose was calculated on."""
    parts = facts["ledger"]["parts"]
    if len(parts) == 1:
        return [(native.data.shape[:3], native.affine)]
    return [(part["grid"]["shape"], part["grid"]["affine"]) for part in parts]


def way_of_mri(job: step.Job) -> sitk.Transform:
    """Find the transforms from an MRI to the reference grid and note their names."""
    files = _files_to_reference(job, job.args.channel)
    job.fact("chain", [file.name for file in files])
    return transforms.chain([transforms.read(file) for file in files])


def way_of_dose(job: step.Job, facts: Mapping[str, Any], brain: Volume) -> sitk.Transform:
    """Find the image that a dose follows; check it against the other images that claim the dose."""
    args, limit_mm = job.args, job.settings["max_frame_mm"]
    names = json.loads(args.frame_images)
    records = [job.read_record(path)["facts"] for path in args.frames]
    found = routes.claims(facts, dict(zip(names, records, strict=True)))
    files = [_files_to_reference(job, claim.image) for claim in found]
    ways = [
        routes.way_of(claim, [transforms.read(file) for file in own])
        for claim, own in zip(found, files, strict=True)
    ]
    distances_mm = routes.apart_mm(ways, transforms.points_in(brain))
    chosen = routes.choose(found, distances_mm, limit_mm=limit_mm)
    claim, worst_mm = found[chosen], distances_mm[chosen].max()
    linked = [f"registration object to {claim.image}"] if claim.linked else []
    job.fact("chain", [*linked, *(file.name for file in files[chosen])])
    job.fact(
        "claims",
        [
            {"image": c.image, "by": c.how, "own_study": c.own_study, "apart_mm": round(apart, 3)}
            for c, apart in zip(found, distances_mm[chosen].tolist(), strict=True)
        ],
    )
    warnings = routes.warnings_of(found, chosen, contradicted=worst_mm > limit_mm)
    job.fact("warnings", warnings)
    for warning in warnings:
        job.say(f"warning: {warning}")
    _check_frames(job, found, claim, worst_mm)
    return ways[chosen]


def _check_frames(
    job: step.Job, found: Sequence[routes.Claim], claim: routes.Claim, worst_mm: float
) -> None:
    """Write how far apart the claims on a dose are, or that nothing verifies them."""
    limit_mm = job.settings["max_frame_mm"]
    if len(found) > 1 and not (routes.without_witness(found) and worst_mm <= limit_mm):
        job.check(
            "frames-agree",
            worst_mm,
            at_most=limit_mm,
            unit="mm",
            advice="images that claim the dose (one frame of reference, a registration object, or "
            "dose_frame) put it at places this far apart in the brain: a wrong identifier, as "
            "de-identification leaves it, or a wrong registration; it now follows "
            f"{claim.image}: look at dose and anatomy in the overview; if they do not fit, name "
            "the right image in dose_frame; then accept",
        )
    elif routes.without_witness(found) or routes.not_compared(found):
        job.not_checked(
            "frames-agree",
            routes.not_compared(found) or "no planning CT of the dose's own study claims it",
            holds=routes.without_witness(found),
            advice=f"only the {claim.how} of {claim.image} places the dose on it, which "
            "de-identification may have made alike for every image: give the planning CT of the "
            "dose's own study in column 'ct'; or look at dose and anatomy in the overview, and "
            "name the image in 'dose_frame' or accept where they fit",
        )


def _files_to_reference(job: step.Job, image: str) -> list[Path]:
    pairs = [(moving, fixed) for moving, fixed in json.loads(job.args.links)]
    places = routes.path_to_reference(image, job.args.reference, pairs)
    return [job.args.transforms[place] for place in places]


def main(argv: Sequence[str] | None = None) -> None:
    """Find the chain of transforms, sample the channel on the reference grid once, write."""
    with step.Job(
        "align",
        argv,
        inputs=("image", "image-record", "grid", "mask", "transforms*", "frames*"),
        values=("channel", "kind", "reference", "links", "frame-images"),
    ) as job:
        args, kind = job.args, KINDS[job.args.kind]
        grid, mask = job.load(args.grid), job.load(args.mask)
        require_same_space(grid, mask, "reference grid and brain mask")
        volume, facts = (
            job.load(args.image, parts=kind.in_gy),
            job.read_record(args.image_record)["facts"],
        )
        claimed = kind.placed_by == CLAIMS
        transform = way_of_dose(job, facts, mask) if claimed else way_of_mri(job)
        chosen = kind.interpolator == CHOSEN
        interpolator = job.settings["mri_interpolator"] if chosen else kind.interpolator
        moved = sample_parts(volume, grid, interpolator=interpolator, transform=transform)
        if not np.any(moved.data):
            raise ValueError(
                f"channel {args.channel}: it does not overlap the reference's field of view"
            )
        own = dose_grids(facts, volume) if kind.in_gy else [(volume.data.shape, volume.affine)]
        views, brain = fields_of_view(own, grid, transform), mask.data > 0
        job.fact("brain_covered", round(share_inside(np.logical_or.reduce(views), brain), 6))
        if kind.in_gy:
            check_dose(job, volume, moved, views, brain)
        job.save(args.out, moved)
