"""An occlusion map over the reference MRI, with the dose at the same place below it.

Arrays are ``(X, Y, Z)`` RAS+, see :mod:`ricenet.pictures.panels` for the display.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray
from scipy import ndimage

from ricenet import step
from ricenet.channels import ISODOSES, by_name
from ricenet.image.orientation import to_ras
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
    page,
)
from ricenet.step import checked

SMOOTHING_VOXELS = 2.0
RIM_VOXELS = 4  # slices through the rim show little brain


def peak(change: NDArray, brain: NDArray) -> Point:
    """Find the voxel in the brain, off its rim, where the smoothed map is farthest from 0."""
    height = np.abs(ndimage.gaussian_filter(np.where(brain, change, 0), SMOOTHING_VOXELS))
    inner = ndimage.binary_erosion(brain, iterations=RIM_VOXELS)
    height[~(inner if inner.any() else brain)] = -1
    return as_point([int(i) for i in np.unravel_index(height.argmax(), height.shape)])


def overlay_row(scene: Scene, reference: str, change: NDArray, name: str) -> Row:
    """Return the occlusion map over the reference MRI."""
    limit = max(float(np.abs(change).max()), 1e-6)

    def draw(axes: Axes, plane: str) -> None:
        draw_base(axes, scene, plane, grey(scene, reference, plane))
        draw_signed(axes, scene, plane, change, limit)

    note = f"change of the probability\nof {name}:\nclean minus hidden"
    bar = (limit, f"red: evidence\nfor {name}\nblue: against")
    return Row(f"occlusion on {reference}", note, draw, {}, bar)


def plain_row(scene: Scene, reference: str) -> Row:
    """Draw the reference MRI alone."""

    def draw(axes: Axes, plane: str) -> None:
        draw_base(axes, scene, plane, grey(scene, reference, plane))

    return Row(reference, "the same slices", draw, {}, None)


def heading(subject: str, facts: dict[str, Any]) -> str:
    """Return subject, predicted class, probability, cube and stride, from the map's record."""
    return "   ·   ".join(
        (
            subject,
            f"predicted {facts['predicted']}, probability {facts['clean_probability']:.2f}",
            f"cube {facts['cube_mm']:g} mm, stride {facts['stride_mm']:g} mm",
        )
    )


def main(argv: Sequence[str] | None = None) -> None:
    """Read the map, the images and the map's record, draw, write."""
    with step.Job(
        "occlusion_picture",
        argv,
        inputs=("map", "occlusion-record", "images*", "mask"),
        values=("channels", "kinds", "reference"),
    ) as job:
        args, reference = job.args, job.args.reference
        kinds = by_name(args.channels, args.kinds)
        facts = job.read_record(args.occlusion_record).get("facts", {})
        name = checked(facts.get("predicted"), "the occlusion record names no predicted class")
        mask = job.load(args.mask)
        volumes = loaded(args.images, list(kinds), mask, load=job.load)
        volumes |= loaded([args.map], ["occlusion map"], mask, load=job.load)
        mask = to_ras(mask)
        brain = mask.data > 0
        point = peak(volumes["occlusion map"], brain)
        scene = cut(volumes, brain, mask.spacing_mm, point, BRAIN_MARGIN_MM)
        shown = [overlay_row(scene, reference, scene.volumes["occlusion map"], name)]
        shown += [
            dose_row(scene, reference, n) for n, kind in kinds.items() if kind.drawn == ISODOSES
        ]
        if len(shown) == 1:
            shown.append(plain_row(scene, reference))
        title = heading(args.map.name.split(".")[0], facts)
        job.fact("point_ras_mm", (mask.affine @ [*point, 1])[:3].round(1).tolist())
        job.stage(args.out).write_bytes(page(shown, title, scene))
