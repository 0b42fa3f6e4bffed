"""One picture a subject, for people who look before they read.

First the whole registered heads with the outline of the brain mask, then what the network gets:
checkerboard and difference of the two MRI, and the dose as isodose lines. All slices pass through
one point, the strongest new enhancement. Masks follow as lines on the reference head, each in
slices through itself. Arrays are ``(X, Y, Z)`` RAS+, see
:mod:`ricenet.pictures.panels` for the display.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray
from scipy import ndimage

from ricenet import step
from ricenet.channels import GREY, ISODOSES, Kind, by_name
from ricenet.image.enhancement import local_change
from ricenet.image.orientation import to_ras
from ricenet.pictures import panels
from ricenet.pictures.panels import Point
from ricenet.pictures.scene import (
    BRAIN_MARGIN_MM,
    Row,
    Scene,
    as_point,
    cut,
    dose_row,
    draw_base,
    draw_signed,
    grey,
    loaded,
    moved,
    page,
)

SMOOTHING_MM = 3.0
TILE_MM = 22.0
HEAD_MARGIN_MM = 42.0
MASK_COLOUR = "#ff6fd8"


def point_of_interest(
    after: NDArray | None,
    before: NDArray | None,
    dose: NDArray | None,
    brain: NDArray,
    spacing_mm: Sequence[float],
) -> tuple[Point, str]:
    """Return the voxel that the slices pass through, and why.

    The place of the largest smoothed rise from ``before`` to ``after`` in the brain, two voxels
    off its surface; without them the middle of the highest dose; else the brain's centre.

    Parameters
    ----------
    after, before : (X, Y, Z) float array or None
        Z-scored MRI of one sequence, dimensionless.
    dose : (X, Y, Z) float array or None
        Gy.
    brain : (X, Y, Z) bool array
        Brain mask.
    spacing_mm : sequence of float
        Voxel size.
    """
    if after is not None and before is not None:
        rise = ndimage.gaussian_filter(
            local_change(after, before, brain),
            [SMOOTHING_MM / s for s in spacing_mm],
        )
        inner = ndimage.binary_erosion(brain, iterations=2)
        rise[~inner] = 0
        if rise.max() > 1e-3:  # rounding is not a rise
            peak = np.unravel_index(rise.argmax(), rise.shape)
            return as_point([int(p) for p in peak]), "strongest new enhancement"
    if dose is not None and dose[brain].max() > 0:
        high = brain & (dose >= 0.95 * dose[brain].max())
        return as_point(ndimage.center_of_mass(high)), "highest dose"
    return as_point(ndimage.center_of_mass(brain)), "centre of the brain"


def head_row(scene: Scene, name: str) -> Row:
    """Return a whole head with the outline of the brain mask."""
    data = scene.volumes[name]
    low, high = panels.window(data, scene.brain)
    stripped = not data[~scene.brain].any()
    air = low if stripped else min(low, float(np.median(data[~scene.brain])))

    def draw(axes: Axes, plane: str) -> None:
        whole = panels.windowed(panels.picture(data, plane, scene.point), (air, high))
        draw_base(axes, scene, plane, grey(scene, name, plane) if stripped else whole)
        panels.draw_outline(axes, panels.picture(scene.brain, plane, scene.point))

    note = "registered to the\nreference grid"
    return Row(name, note, draw, {"brain mask": panels.OUTLINE_COLOUR}, None)


def checkerboard_row(scene: Scene, reference: str, other: str) -> Row:
    """Alternate squares of the reference and another MRI: edges must continue across them."""
    tile = round(TILE_MM / min(scene.spacing_mm))

    def draw(axes: Axes, plane: str) -> None:
        first, second = (grey(scene, name, plane) for name in (reference, other))
        draw_base(axes, scene, plane, panels.checkerboard(first, second, tile))

    note = f"squares of {TILE_MM:g} mm;\nsurfaces and ventricles\nmust run on across them"
    return Row(f"{reference} | {other}", note, draw, {}, None)


def difference_row(scene: Scene, reference: str, other: str) -> Row:
    """Return the difference of two z-scored MRI, bias field corrected, over the reference."""
    first, second = scene.volumes[reference], scene.volumes[other]
    change = ndimage.gaussian_filter(local_change(first, second, scene.brain), 1.0)
    change = np.where(scene.brain, change, 0)
    limit = max(float(np.percentile(np.abs(change[scene.brain]), 99.9)), 1e-6)

    def draw(axes: Axes, plane: str) -> None:
        draw_base(axes, scene, plane, 0.7 * grey(scene, reference, plane))
        draw_signed(axes, scene, plane, change, limit)

    note = "difference of z-scores,\nsmoothed by 1 voxel,\nbias field corrected"
    bar = (limit, "red: brighter\nin the reference\nblue: darker")
    return Row(f"{reference} − {other}", note, draw, {}, bar)


def mask_point(share: NDArray) -> Point:
    """Return the voxel that slices of a mask pass through.

    The one inside it that is nearest to its centre of mass, which may lie in a hole or between its
    parts.
    """
    inside = np.argwhere(share >= min(0.5, share.max()))
    apart = ((inside - np.array(ndimage.center_of_mass(share))) ** 2).sum(axis=1)
    return as_point([int(p) for p in inside[apart.argmin()]])


def mask_row(scene: Scene, reference: str, mask: str) -> Row:
    """Return the reference head with the outline of a mask, in slices through the mask."""
    share = scene.volumes[mask]
    here = replace(scene, point=mask_point(share) if share.any() else scene.point)
    head = head_row(here, reference)

    def draw(axes: Axes, plane: str) -> None:
        head.draw(axes, plane)
        shown = panels.picture(share, plane, here.point)
        panels.draw_outline(axes, shown >= 0.5, MASK_COLOUR)

    ml = float(share.sum(dtype=np.float64)) * float(np.prod(scene.spacing_mm)) / 1000
    note = f"{ml:.3g} ml,\nslices through the voxel of it\nthat is nearest to its centre"
    return Row(f"{mask} on {reference}", note, draw, {mask: MASK_COLOUR, **head.legend}, None)


def rows(
    heads: Scene, brains: Scene, kinds: dict[str, Kind], reference: str, comparable: Sequence[str]
) -> list[Row]:
    """Return every row that the channels allow, heads first.

    Of the MRI only the ``comparable`` ones, which are of the reference's sequence, have a
    difference to it; edges are compared with all.
    """
    found = [head_row(heads, name) for name in heads.volumes]
    for other in (n for n, kind in kinds.items() if kind.drawn == GREY and n != reference):
        found += [checkerboard_row(brains, reference, other)]
        if other in comparable:
            found += [difference_row(brains, reference, other)]
    return found + [
        dose_row(brains, reference, n) for n, kind in kinds.items() if kind.drawn == ISODOSES
    ]


def _heads(job: step.Job, names: list[str], place: Point, affine: NDArray) -> Scene:
    """Return whole heads and masks, cut to the surroundings of the brain.

    ``place`` is a voxel of ``affine``.
    """
    mask = job.load(job.args.whole_mask)
    volumes = loaded([*job.args.whole, *job.args.outlines], names, mask, load=job.load)
    mask = to_ras(mask)
    there = moved(place, affine, mask.affine)
    return cut(volumes, mask.data > 0, mask.spacing_mm, there, HEAD_MARGIN_MM)


def main(argv: Sequence[str] | None = None) -> None:
    """Read volumes and masks, find the point, draw, write."""
    with step.Job(
        "overview",
        argv,
        inputs=("whole*", "whole-mask", "images*", "mask", "outlines*"),
        values=(
            "subject",
            "channels",
            "kinds",
            "reference",
            "comparable",
            "enhancement",
            "outline-names",
        ),
    ) as job:
        args, reference = job.args, job.args.reference
        kinds, comparable = by_name(args.channels, args.kinds), json.loads(args.comparable)
        mri = [name for name, kind in kinds.items() if kind.drawn == GREY]
        mask = job.load(args.mask)
        images = loaded(args.images, list(kinds), mask, load=job.load)
        mask = to_ras(mask)
        brain = mask.data > 0
        before, after = [images[n] for n in json.loads(args.enhancement)] or (None, None)
        dose = next((images[n] for n, kind in kinds.items() if kind.in_gy), None)
        point, reason = point_of_interest(after, before, dose, brain, mask.spacing_mm)
        brains = cut(images, brain, mask.spacing_mm, point, BRAIN_MARGIN_MM)
        outlines: list[str] = json.loads(args.outline_names)
        heads = brains
        if args.whole:
            heads = _heads(job, [*mri, *outlines], point, mask.affine)
        masks = [mask_row(heads, reference, name) for name in outlines]
        heads = replace(heads, volumes={name: heads.volumes[name] for name in mri})
        job.fact("point_ras_mm", (mask.affine @ [*point, 1])[:3].round(1).tolist())
        job.fact("point_reason", reason)
        heading = f"{args.subject}   ·   slices through the {reason}"
        shown = [*rows(heads, brains, kinds, reference, comparable), *masks]
        job.stage(args.out).write_bytes(page(shown, heading, heads))
