"""A channel on the reference grid: its transforms composed, one interpolation.

An MRI follows its own transform. A dose has no anatomy to register: it follows the image whose
frame of reference it shares (DICOM PS3.3 C.7.4.1), or that a registration object links it to, and
that image's transforms. Several plans of a dose, ``(X, Y, Z, P)``, are sampled one by one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from ricenet import step
from ricenet.dose.coverage import cut_dose, share_inside, view_holds_grid
from ricenet.dose.frames import Link, refusals, route
from ricenet.image import transforms
from ricenet.image.interpolation import sample
from ricenet.image.volume import Volume, require_same_space

MIN_COVERAGE = 0.5  # a dose grid that misses half of the brain is more likely misplaced than meant
MAX_CUT_DOSE = 0.1  # of the maximum: more at the grid's edge is dose that the export cut off
INTEGRAL_TOLERANCE = 0.02


def image_of_dose(
    frame: str | None, frames: Mapping[str, str | None], links: Sequence[Link]
) -> tuple[str, NDArray]:
    """Return the image that the dose can be placed on.

    Parameters
    ----------
    frame : str or None
        Digest of the dose's frame of reference, or ``image:<name>`` as the subject's row states.
    frames : mapping
        Digest of the frame of reference of each image of the subject, first choice first.
    links : sequence of mapping
        Registrations between frames of reference.

    Returns
    -------
    str
        Name of the image: one that shares the dose's frame, else one that a registration reaches.
    (4, 4) float array
        Maps points of the dose to points of the image, RAS mm.

    Raises
    ------
    ValueError
        No image has the dose's frame of reference, and no registration leads to one.
    """
    if frame and frame.startswith("image:"):
        name = frame.removeprefix("image:")
        if name in frames:
            return name, np.eye(4)
        raise ValueError(f"dose_frame is {name!r}, but the subject's images are {list(frames)}")
    found = route(frame, [f for f in frames.values() if f], links) if frame else None
    if found:
        return next(name for name, other in frames.items() if other == found[0]), found[1]
    why = "".join(f" ({reason})" for reason in refusals(frame, links))
    raise ValueError(
        f"the dose shares its frame of reference with none of {list(frames)}{why}; give the "
        f"planning CT in column 'ct', or name the image that the dose is aligned with in "
        f"'dose_frame'"
    )


def path_to_reference(image: str, reference: str, pairs: Sequence[tuple[str, str]]) -> list[int]:
    """Return the places of the transforms that lead from an image to the reference, in order.

    Parameters
    ----------
    image, reference : str
        Names of images.
    pairs : sequence of (moving, fixed)
        The transforms at hand; each image is moved by at most one.
    """
    steps = {moving: (place, fixed) for place, (moving, fixed) in enumerate(pairs)}
    found: list[int] = []
    while image != reference:
        if image not in steps or len(found) > len(pairs):
            raise ValueError(f"no transform leads from {image!r} to the reference {reference!r}")
        place, image = steps[image]
        found.append(place)
    return found


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


def chain_of(job: step.Job, facts: Mapping[str, Any]) -> sitk.Transform:
    """Find the transforms from the channel to the reference grid and note their names."""
    args = job.args
    start, linked = args.channel, np.eye(4)
    if args.kind == "dose":
        names = json.loads(args.frame_images)
        read = (job.read_record(path)["facts"]["frame"] for path in args.frames)
        frames = dict(zip(names, read, strict=True))
        start, linked = image_of_dose(facts["frame"], frames, facts["registrations"])
    pairs = [(moving, fixed) for moving, fixed in json.loads(args.links)]
    files = [args.transforms[i] for i in path_to_reference(start, args.reference, pairs)]
    names, chain = [file.name for file in files], [transforms.read(file) for file in files]
    if not np.array_equal(linked, np.eye(4)):
        names.insert(0, f"registration object to {start}")
        chain.insert(0, transforms.from_matrix_ras(np.linalg.inv(linked)))
    job.fact("chain", names)
    return transforms.chain(chain)


def main(argv: Sequence[str] | None = None) -> None:
    """Find the chain of transforms, sample the channel on the reference grid once, write."""
    with step.Job(
        "align",
        argv,
        inputs=("image", "image-record", "grid", "mask", "transforms*", "frames*"),
        values=("channel", "kind", "reference", "links", "frame-images"),
    ) as job:
        args, dose = job.args, job.args.kind == "dose"
        grid, mask = job.load(args.grid), job.load(args.mask)
        require_same_space(grid, mask, "reference grid and brain mask")
        volume, facts = (
            job.load(args.image, parts=dose),
            job.read_record(args.image_record)["facts"],
        )
        transform = chain_of(job, facts)
        interpolator = "linear" if dose else job.settings["mri_interpolator"]
        moved = sample_parts(volume, grid, interpolator=interpolator, transform=transform)
        if not np.any(moved.data):
            raise ValueError(
                f"channel {args.channel}: it does not overlap the reference's field of view"
            )
        own = dose_grids(facts, volume) if dose else [(volume.data.shape, volume.affine)]
        views, brain = fields_of_view(own, grid, transform), mask.data > 0
        job.fact("brain_covered", round(share_inside(np.logical_or.reduce(views), brain), 6))
        if dose:
            check_dose(job, volume, moved, views, brain)
        job.save(args.out, moved)
