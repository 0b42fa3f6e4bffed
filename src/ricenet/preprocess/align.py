"""A channel on the reference grid: its transforms composed, one interpolation.

An MRI follows its own transform, a dose an image that claims it (``routes``) and that image's
transforms. Several plans of a dose, ``(X, Y, Z, P)``, are sampled one by one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from ricenet import step
from ricenet.channels import CHOSEN, CLAIMS, KINDS
from ricenet.dose.coverage import share_inside
from ricenet.image import transforms
from ricenet.image.interpolation import sample
from ricenet.image.volume import Volume, require_same_space
from ricenet.preprocess import dose_gates, routes
from ricenet.step import Check


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


def dose_grids(facts: Mapping[str, Any], native: Volume) -> list[tuple[Sequence[int], NDArray]]:
    """Return the shape and affine of the grid that each part of a dose was calculated on."""
    parts = facts["ledger"]["parts"]
    if len(parts) == 1:
        return [(native.data.shape[:3], native.affine)]
    return [(part["grid"]["shape"], part["grid"]["affine"]) for part in parts]


class Way(NamedTuple):
    """How a channel reaches the reference grid.

    Attributes
    ----------
    transform : sitk.Transform
        From points of the reference grid to points of the channel.
    chain : list of str
        Names of the files of its transforms.
    claims, warnings, checks : list
        Of a dose: the images that claim it, what a person should know, whether they agree.
    """

    transform: sitk.Transform
    chain: list[str]
    claims: list[dict[str, Any]]
    warnings: list[str]
    checks: list[Check]


Files = Callable[[str], list[Path]]  # from an image to the transforms that lead it to the reference


def way_of_mri(channel: str, files_of: Files) -> Way:
    """Find the transforms from an MRI to the reference grid."""
    files = files_of(channel)
    transform = transforms.chain([transforms.read(file) for file in files])
    return Way(transform, [file.name for file in files], [], [], [])


def way_of_dose(
    facts: Mapping[str, Any],
    images: Mapping[str, Mapping[str, Any]],
    brain: Volume,
    files_of: Files,
    *,
    limit_mm: float,
) -> Way:
    """Find the image that a dose follows; check it against the other images that claim the dose.

    Parameters
    ----------
    facts, images : mapping
        Facts of the dose, and of each image that may claim it.
    brain : Volume
        Mask in which the claims are compared.
    limit_mm : float
        How far apart they may be.
    """
    found = routes.claims(facts, images)
    files = [files_of(claim.image) for claim in found]
    ways = [
        routes.way_of(claim, [transforms.read(file) for file in own])
        for claim, own in zip(found, files, strict=True)
    ]
    distances_mm = routes.apart_mm(ways, transforms.points_in(brain))
    chosen = routes.choose(found, distances_mm, limit_mm=limit_mm)
    claim, worst_mm = found[chosen], distances_mm[chosen].max()
    linked = [f"registration object to {claim.image}"] if claim.linked else []
    described = [
        {"image": c.image, "by": c.how, "own_study": c.own_study, "apart_mm": round(apart, 3)}
        for c, apart in zip(found, distances_mm[chosen].tolist(), strict=True)
    ]
    return Way(
        ways[chosen],
        [*linked, *(file.name for file in files[chosen])],
        described,
        routes.warnings_of(found, chosen, contradicted=worst_mm > limit_mm),
        dose_gates.of_frames(found, claim, worst_mm, limit_mm=limit_mm),
    )


def _files_to_reference(
    files: Sequence[Path], reference: str, links: str, image: str
) -> list[Path]:
    pairs = [(moving, fixed) for moving, fixed in json.loads(links)]
    return [files[place] for place in routes.path_to_reference(image, reference, pairs)]


def note_way(job: step.Job, way: Way) -> None:
    """Write to record and log how a channel reaches the reference grid."""
    job.fact("chain", way.chain)
    if way.claims:
        job.fact("claims", way.claims)
        job.fact("warnings", way.warnings)
    for warning in way.warnings:
        job.say(f"warning: {warning}")
    step.write(job, way.checks)


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
        names = json.loads(args.frame_images)
        images = {n: job.read_record(p)["facts"] for n, p in zip(names, args.frames, strict=True)}
        files_of = partial(_files_to_reference, args.transforms, args.reference, args.links)
        way = (
            way_of_dose(facts, images, mask, files_of, limit_mm=job.settings["max_frame_mm"])
            if kind.placed_by == CLAIMS
            else way_of_mri(args.channel, files_of)
        )
        note_way(job, way)
        chosen = kind.interpolator == CHOSEN
        interpolator = job.settings["mri_interpolator"] if chosen else kind.interpolator
        moved = sample_parts(volume, grid, interpolator=interpolator, transform=way.transform)
        if not np.any(moved.data):
            raise ValueError(
                f"channel {args.channel}: it does not overlap the reference's field of view"
            )
        own = dose_grids(facts, volume) if kind.in_gy else [(volume.data.shape, volume.affine)]
        views, brain = fields_of_view(own, grid, way.transform), mask.data > 0
        job.fact("brain_covered", round(share_inside(np.logical_or.reduce(views), brain), 6))
        if kind.in_gy:
            step.write(job, dose_gates.of_grid(volume, moved, views, brain))
        job.save(args.out, moved)
